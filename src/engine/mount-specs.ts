/** The syntaxes in which a container's mounts are wished: -v, --mount, --tmpfs, --volumes-from. Pure, but for a look at bind sources. */
import { stat } from "node:fs/promises";
import { posix } from "node:path";
import { errorText, NaruError } from "../lib/errors.ts";
import type { Mount } from "../model/container.ts";
import type { MountRecord } from "./container-record.ts";

const PROPAGATIONS = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];
const MODE_CLASSES: readonly (readonly string[])[] = [
  ["ro", "rw"],
  ["z", "Z"],
  ["nocopy"],
  PROPAGATIONS,
  ["consistent", "cached", "delegated"],
];

/** A mount as wished; a volume without a name is anonymous. */
export interface MountWish extends MountRecord {
  noCopy?: boolean;
  volumeOptions?: Mount["VolumeOptions"];
}

function invalid(message: string): never {
  throw new NaruError("invalid", message);
}

/** An absolute path without dots and trailing slash. @throws {NaruError} invalid */
export function cleanDestination(path: string): string {
  if (!path.startsWith("/")) invalid(`invalid mount path: '${path}' mount path must be absolute`);
  const clean = posix.normalize(path).replace(/(.)\/$/, "$1");
  if (clean === "/") invalid("invalid specification: destination can't be '/'");
  return clean;
}

/** One element of HostConfig.Binds: `[source:]destination[:mode]`. Docker answers its syntax errors with status 500. */
export function parseBind(spec: string): MountWish {
  const parts = spec.split(":");
  const bad = (reason = "") => new NaruError("internal", `invalid volume specification: '${spec}'${reason}`);
  const [first = "", second, mode = ""] = parts;
  // "/data:ro" would be an anonymous volume with a mode, which there is not.
  if (parts.length > 3 || first === "" || (parts.length === 2 && readMode(second!) !== undefined)) throw bad();
  const words = readMode(mode);
  if (words === undefined) throw new NaruError("internal", `invalid mode: ${mode}`);
  const source = second === undefined ? "" : first;
  const isBind = source.startsWith("/");
  let destination: string;
  try {
    destination = mountTarget(second ?? first);
    const foreign = words.find((word) => (isBind ? word === "nocopy" : PROPAGATIONS.includes(word)));
    if (foreign !== undefined) invalid(`field ${isBind ? "VolumeOptions" : "BindOptions"} must not be specified`);
  } catch (error) {
    throw bad(`: invalid mount config for type "${isBind ? "bind" : "volume"}": ${errorText(error)}`);
  }
  const readOnly = words.includes("ro");
  if (isBind) {
    const propagation = words.find((word) => PROPAGATIONS.includes(word)) ?? "rprivate";
    const path = posix.normalize(source).replace(/(.)\/$/, "$1");
    return { type: "bind", source: path, destination, mode, readOnly, propagation, recursive: true, makeSource: true };
  }
  return {
    type: "volume",
    name: source || undefined,
    source: "",
    destination,
    mode: source ? mode || "z" : mode,
    readOnly,
    propagation: "",
    recursive: true,
    noCopy: words.includes("nocopy"),
  };
}

/** The words of "ro,z"; undefined when one is unknown or says what another says too. */
function readMode(mode: string): string[] | undefined {
  if (mode === "") return [];
  const words = mode.split(",");
  const classes = words.map((word) => MODE_CLASSES.findIndex((names) => names.includes(word)));
  return classes.includes(-1) || new Set(classes).size < classes.length ? undefined : words;
}

/** @throws {NaruError} invalid, without saying of what */
function mountTarget(path: string): string {
  if (path === "") invalid("field Target must not be empty");
  return cleanDestination(path);
}

/** One element of HostConfig.Mounts. @throws {NaruError} invalid in Docker's words */
export async function parseMount(mount: Mount): Promise<MountWish> {
  const bad = (reason: string) =>
    new NaruError("invalid", `invalid mount config for type "${mount.Type ?? ""}": ${reason}`);
  checkForeignOptions(mount);
  let destination: string;
  try {
    destination = mountTarget(mount.Target ?? "");
  } catch (error) {
    throw bad(errorText(error));
  }
  if (!["bind", "volume", "tmpfs", "image"].includes(mount.Type)) throw bad("mount type unknown");
  if (mount.ImageOptions && mount.Type !== "image") throw bad("field ImageOptions must not be specified");
  const base = {
    destination,
    mode: "",
    readOnly: mount.ReadOnly ?? false,
    recursive: true,
    propagation: "",
    source: "",
  };
  switch (mount.Type) {
    case "bind":
      return { ...base, ...(await bindFields(mount, bad)), type: "bind" };
    case "volume":
      if (mount.ReadOnly && !mount.Source) throw bad("must not set ReadOnly mode when using anonymous volumes");
      if (mount.VolumeOptions?.Subpath && !mount.Source) {
        throw bad("must not set Subpath when using anonymous volumes");
      }
      checkSubpath(mount.VolumeOptions?.Subpath, bad);
      return {
        ...base,
        type: "volume",
        name: mount.Source || undefined,
        mode: "z",
        noCopy: mount.VolumeOptions?.NoCopy ?? false,
        subpath: mount.VolumeOptions?.Subpath || undefined,
        volumeOptions: mount.VolumeOptions,
      };
    case "tmpfs":
      if (mount.Source) throw bad("field Source must not be specified");
      checkMountTmpfsOptions(mount, bad);
      return { ...base, type: "tmpfs", options: mountTmpfsOptions(mount) };
    default:
      if (!mount.Source) throw bad("field Source must not be empty");
      checkSubpath(mount.ImageOptions?.Subpath, bad);
      return {
        ...base,
        type: "image",
        name: mount.Source,
        readOnly: true,
        propagation: "rprivate",
        subpath: mount.ImageOptions?.Subpath || undefined,
      };
  }
}

function checkForeignOptions(mount: Mount): void {
  const owners = [
    ["BindOptions", "bind"],
    ["VolumeOptions", "volume"],
    ["TmpfsOptions", "tmpfs"],
  ] as const;
  for (const [field, type] of owners) {
    if (mount[field] && mount.Type !== type) invalid(`${field} must not be specified on mount type "${mount.Type}"`);
  }
}

async function bindFields(mount: Mount, bad: (reason: string) => NaruError) {
  const source = mount.Source ?? "";
  if (source === "") throw bad("field Source must not be empty");
  if (!source.startsWith("/")) throw bad(`invalid mount path: '${source}' mount path must be absolute`);
  const options = mount.BindOptions ?? {};
  const propagation = options.Propagation || "rprivate";
  if (!PROPAGATIONS.includes(propagation)) throw bad(`invalid propagation mode: ${propagation}`);
  if (!options.CreateMountpoint && !(await exists(source))) throw bad(`bind source path does not exist: ${source}`);
  return {
    source: posix.normalize(source).replace(/(.)\/$/, "$1"),
    propagation,
    recursive: !options.NonRecursive,
    ...(options.ReadOnlyNonRecursive ? { options: ["ro"] } : {}),
    makeSource: options.CreateMountpoint ?? false,
  };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function checkSubpath(subpath: string | undefined, bad: (reason: string) => NaruError): void {
  if (!subpath) return;
  const climbsOut = posix.normalize(subpath).split("/")[0] === "..";
  // Docker's words for images too.
  if (subpath.startsWith("/") || climbsOut) throw bad("subpath must be a relative path within the volume");
}

function checkMountTmpfsOptions({ TmpfsOptions }: Mount, bad: (reason: string) => NaruError): void {
  for (const option of TmpfsOptions?.Options ?? []) {
    if (option.length !== 1 && option.length !== 2) throw bad("invalid option array length");
    const isKnown = option.length === 1 && ["exec", "noexec"].includes(option[0]!);
    if (!isKnown) throw bad(`invalid option: ${option[0]}`);
  }
}

const TMPFS_DEFAULTS = ["noexec", "nosuid", "nodev"];

function mountTmpfsOptions({ TmpfsOptions, ReadOnly }: Mount): string[] {
  const given = (TmpfsOptions?.Options ?? []).map((pair) => pair.join("="));
  if (TmpfsOptions?.SizeBytes && TmpfsOptions.SizeBytes > 0) given.push(`size=${TmpfsOptions.SizeBytes}`);
  if (TmpfsOptions?.Mode) given.push(`mode=${TmpfsOptions.Mode.toString(8)}`);
  if (ReadOnly) given.push("ro");
  return tmpfsOptions(given);
}

/** Docker's defaults for tmpfs with the user's words over them. */
function tmpfsOptions(given: readonly string[]): string[] {
  const opposite = (option: string) => (option.startsWith("no") ? option.slice(2) : `no${option}`);
  return [...TMPFS_DEFAULTS.filter((option) => !given.includes(opposite(option)) && !given.includes(option)), ...given];
}

const TMPFS_VALUES = ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"];
const TMPFS_FLAGS = [
  ...["defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync"],
  ...["remount", "mand", "nomand", "atime", "noatime", "diratime", "nodiratime", "bind", "rbind", "unbindable"],
  ...["runbindable", "private", "rprivate", "shared", "rshared", "slave", "rslave", "relatime", "norelatime"],
  ...["strictatime", "nostrictatime"],
];

/** Docker looks at these when the container is started. @throws {NaruError} invalid `invalid tmpfs option "x"` */
export function checkTmpfsOptions(options: readonly string[]): void {
  for (const option of options) {
    const [name = "", value] = option.split(/=(.*)/s, 2);
    const isKnown = value === undefined ? TMPFS_FLAGS.includes(name) : TMPFS_VALUES.includes(name);
    if (!isKnown) invalid(`invalid tmpfs option ${JSON.stringify(name)}`);
  }
}

/** HostConfig.Tmpfs: destination → mount options. */
export function parseTmpfs(destination: string, options: string): MountWish {
  return {
    type: "tmpfs",
    source: "",
    destination: cleanDestination(destination),
    mode: "",
    readOnly: options.split(",").includes("ro"),
    propagation: "",
    recursive: true,
    options: tmpfsOptions(options.split(",").filter(Boolean)),
    isHidden: true,
  };
}

/** One element of HostConfig.VolumesFrom: `container[:mode]`. @throws {NaruError} invalid */
export function parseVolumesFrom(spec: string): { container: string; readOnly: boolean } {
  if (spec === "") invalid("volumes-from specification cannot be an empty string");
  if (spec.startsWith(":")) invalid('invalid name or ID supplied: ""');
  const at = spec.indexOf(":");
  const container = at < 0 ? spec : spec.slice(0, at);
  const mode = at < 0 ? "rw" : spec.slice(at + 1);
  if (!/^(?:ro|rw|z|Z)(?:,(?:ro|rw|z|Z))*$/.test(mode)) invalid(`invalid mode: ${mode}`);
  return { container, readOnly: mode.split(",").includes("ro") };
}
