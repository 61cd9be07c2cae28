/** The mounts of a container at its start: every source becomes a path on the host. */
import { mkdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorText, NaruError } from "../lib/errors.ts";
import { fromRaw } from "../linux/file-calls.ts";
import { findLayeredEntry } from "../linux/overlay-layers.ts";
import type { OverlayRoot, ResolvedMount } from "../runtime/contract.ts";
import type { Container } from "./container.ts";
import type { MountRecord } from "./container-record.ts";
import { containerDir, type EngineContext } from "./engine-context.ts";
import { checkTmpfsOptions } from "./mount-specs.ts";

/**
 * Mounts volumes (undone through `undo`), makes missing bind sources and answers all mounts, shorter paths first. A volume
 * stays mounted as long as one of its users has it, so whoever looks in beside the container itself has its own `userId`.
 */
export async function resolveMounts(
  context: EngineContext,
  container: Container,
  undo: AsyncDisposableStack,
  userId = container.id,
): Promise<ResolvedMount[]> {
  const { record } = container;
  const user = { undo, userId, containerId: record.id };
  const resolved = await Promise.all(record.mounts.map((mount) => resolveMount(context, mount, user)));
  const taken = new Set(record.mounts.map(({ destination }) => destination));
  const own =
    record.pod === undefined
      ? [...identityFiles(context, identityOwner(context, container)), ...sharedMemory(context, container)]
      : [context.pods.sharedMemory(record.pod)];
  resolved.push(...own.filter(({ destination }) => !taken.has(destination)));
  return resolved.sort((a, b) => depth(a.destination) - depth(b.destination));
}

function depth(path: string): number {
  return path.split("/").length;
}

interface VolumeUser {
  undo: AsyncDisposableStack;
  userId: string;
}
interface MountUser extends VolumeUser {
  containerId: string;
}

async function resolveMount(context: EngineContext, mount: MountRecord, user: MountUser): Promise<ResolvedMount> {
  const base = {
    destination: mount.destination,
    readOnly: mount.readOnly,
    propagation: mount.propagation,
    options: mount.options ?? [],
    recursive: mount.recursive,
  };
  switch (mount.type) {
    case "tmpfs":
      checkTmpfsOptions(base.options);
      return { ...base, type: "tmpfs", source: "tmpfs", options: withModeOfPlace(context, user.containerId, base) };
    case "volume":
      return { ...base, type: "bind", source: await mountVolume(context, mount, user) };
    case "image":
      return { ...base, type: "overlay", source: "overlay", options: overlayOptions(imageRoot(context, mount)) };
    default:
      // A file has no submounts, and crun cannot make its mount recursively read-only.
      return {
        ...base,
        recursive: mount.recursive && (await ensureBindSource(mount)),
        type: "bind",
        source: mount.source,
      };
  }
}

/** A tmpfs over a directory of the image has that directory's mode, as with runc; crun would give it 1777. */
function withModeOfPlace(
  context: EngineContext,
  containerId: string,
  { destination, options }: Pick<ResolvedMount, "destination" | "options">,
): string[] {
  if (options.some((option) => option.startsWith("mode="))) return options;
  const root = context.images.findContainerLayer(containerId)?.root;
  const place = root && findLayeredEntry([root.upperDir, ...root.lowerDirs], destination);
  return place?.kind === "directory" ? [...options, `mode=${(place.status.mode & 0o7777).toString(8)}`] : options;
}

/** Makes a missing directory where the syntax asks for that. @returns whether the source is a directory */
async function ensureBindSource(mount: MountRecord): Promise<boolean> {
  try {
    return (await stat(mount.source)).isDirectory();
  } catch {
    if (!mount.makeSource) {
      throw new NaruError(
        "invalid",
        `invalid mount config for type "bind": bind source path does not exist: ${mount.source}`,
      );
    }
    try {
      await mkdir(mount.source, { recursive: true, mode: 0o755 });
      return true;
    } catch (cause) {
      throw new NaruError("internal", `error while creating mount source path '${mount.source}': ${errorText(cause)}`);
    }
  }
}

async function mountVolume(context: EngineContext, mount: MountRecord, { undo, userId }: VolumeUser): Promise<string> {
  const name = mount.name!;
  const path = await context.volumes.mountVolume(name, userId);
  undo.defer(() => context.volumes.unmountVolume(name, userId));
  if (mount.subpath === undefined) return path;
  const [root, wanted] = await Promise.all([
    realpath(path),
    realpath(join(path, mount.subpath)).catch(() => undefined),
  ]);
  if (wanted === undefined) {
    throw new NaruError("invalid", `cannot access path ${join(path, mount.subpath)}: no such file or directory`);
  }
  if (wanted !== root && !wanted.startsWith(`${root}/`)) {
    throw new NaruError("invalid", `the subpath ${mount.subpath} leads out of the volume ${name}`);
  }
  return wanted;
}

function imageRoot(context: EngineContext, mount: MountRecord): OverlayRoot {
  const layer = mount.layerId === undefined ? undefined : context.images.findContainerLayer(mount.layerId);
  if (layer === undefined) throw new NaruError("not-found", `No such image: ${mount.name}`);
  // An overlay has at least one directory below: an image without layers shows the base.
  const lowerDirs = layer.imageDirs.length > 0 ? layer.imageDirs : layer.root.lowerDirs;
  if (mount.subpath === undefined) return { ...layer.root, lowerDirs };
  // The container's changes lie in the upper directory, which begins where the mount does.
  if (/[:,\\]/.test(mount.subpath)) {
    throw new NaruError(
      "invalid",
      `the image's path ${mount.subpath} has a sign that overlay mounts do not take: , : or \\`,
    );
  }
  const wanted = findLayeredEntry(lowerDirs, mount.subpath);
  if (wanted === undefined) {
    throw new NaruError(
      "invalid",
      `cannot access path ${mount.subpath} of the image ${mount.name}: no such file or directory`,
    );
  }
  if (wanted.kind !== "directory") {
    throw new NaruError(
      "invalid",
      `the path ${mount.subpath} of the image ${mount.name} is no directory: mount the directory it lies in`,
    );
  }
  return { ...layer.root, lowerDirs: wanted.places.map(fromRaw) };
}

function overlayOptions({ lowerDirs, upperDir, workDir }: OverlayRoot): string[] {
  return [`lowerdir=${lowerDirs.join(":")}`, `upperdir=${upperDir}`, `workdir=${workDir}`];
}

/** Whose identity files a container sees: those of the container whose network it shares. */
export function identityOwner(context: EngineContext, container: Container): string {
  // Names may be given so that two point at each other; neither can be started then.
  const seen = new Set<Container>();
  let owner = container;
  for (;;) {
    seen.add(owner);
    const mode = owner.record.hostConfig.NetworkMode ?? "";
    const donor = mode.startsWith("container:") ? context.containers.find(mode.slice("container:".length)) : undefined;
    if (donor === undefined || seen.has(donor)) return owner.id;
    owner = donor;
  }
}

/** The files that the engine writes for each container; a container in host network mode has them too. */
function identityFiles(context: EngineContext, id: string): ResolvedMount[] {
  return ["resolv.conf", "hostname", "hosts"].map((name) => ({
    type: "bind" as const,
    source: `${containerDir(context, id)}/${name}`,
    destination: `/etc/${name}`,
    readOnly: false,
    propagation: "",
    options: [],
    recursive: false,
  }));
}

/** Where the /dev/shm of a "shareable" container lies on the host. */
export function sharedMemoryDir(context: EngineContext, id: string): string {
  return `${containerDir(context, id)}/shm`;
}

function sharedMemory(context: EngineContext, { record }: Container): ResolvedMount[] {
  const mode = record.hostConfig.IpcMode ?? "private";
  const base = { destination: "/dev/shm", readOnly: false, propagation: "", recursive: true };
  if (mode === "none") return [];
  if (mode === "host") return [{ ...base, type: "bind", source: "/dev/shm", options: [] }];
  const harmless = ["nosuid", "noexec", "nodev"];
  if (mode === "shareable") {
    return [{ ...base, type: "bind", source: sharedMemoryDir(context, record.id), options: harmless }];
  }
  if (mode.startsWith("container:")) {
    const donor = context.containers.get(mode.slice("container:".length));
    const isHost = donor.record.hostConfig.IpcMode === "host";
    if (isHost) return [{ ...base, type: "bind", source: "/dev/shm", options: [] }];
    return [{ ...base, type: "bind", source: sharedMemoryDir(context, donor.id), options: harmless }];
  }
  const options = [...harmless, "mode=1777", `size=${record.hostConfig.ShmSize}`];
  return [{ ...base, type: "tmpfs", source: "shm", options }];
}
