/** Options of the "local" volume driver: what mount(8) would be told. Pure. */
import { NaruError } from "../lib/errors.ts";
import { type MountSpec, MS } from "../linux/mount.ts";

const KNOWN_OPTIONS = new Set(["type", "o", "device", "size"]);

const FLAGS: Record<string, number> = {
  ro: MS.RDONLY,
  rw: 0,
  nosuid: MS.NOSUID,
  suid: 0,
  nodev: MS.NODEV,
  dev: 0,
  noexec: MS.NOEXEC,
  exec: 0,
  sync: 16,
  async: 0,
  dirsync: 128,
  noatime: 1024,
  nodiratime: 2048,
  relatime: 1 << 21,
  strictatime: 1 << 24,
  bind: MS.BIND,
  rbind: MS.BIND | MS.REC,
  defaults: 0,
};

/** True when the options ask for a mount; without them a volume is a plain directory. */
export function needsMount(options: Record<string, string> | null): boolean {
  return options !== null && (options.device !== undefined || options.type !== undefined || options.o !== undefined);
}

/** @throws invalid in Docker's words */
export function checkDriverOptions(volume: string, options: Record<string, string>): void {
  const refuse = (reason: string): never => {
    throw new NaruError("invalid", `create ${volume}: ${reason}`);
  };
  for (const key of Object.keys(options)) {
    if (!KNOWN_OPTIONS.has(key)) refuse(`invalid option: ${JSON.stringify(key)}`);
  }
  if (options.size !== undefined) {
    refuse("quota size requested but no quota support: give a size only to tmpfs, as o=size=100m");
  }
  if (!needsMount(options)) return;
  const isBind = (parseOptions(options.o ?? "").flags & MS.BIND) !== 0;
  if (options.type === undefined && !isBind) refuse('missing required option: "type"');
  if (options.device === undefined) refuse('missing required option: "device"');
}

/** The mount that a volume's options describe. @throws invalid */
export function volumeMount(options: Record<string, string>, target: string): MountSpec {
  const { flags, data } = parseOptions(options.o ?? "");
  const isBind = (flags & MS.BIND) !== 0 || options.type === "bind";
  const type = isBind ? "" : (options.type ?? "");
  return { type, source: options.device ?? type, target, flags: isBind ? flags | MS.BIND : flags, data };
}

function parseOptions(text: string): { flags: number; data: string } {
  let flags = 0;
  const data: string[] = [];
  for (const option of text.split(",").filter(Boolean)) {
    const flag = FLAGS[option];
    if (flag === undefined) data.push(option);
    else flags |= flag;
  }
  return { flags, data: data.join(",") };
}
