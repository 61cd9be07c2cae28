/**
 * Volumes of the driver "local":
 *
 *   <dataRoot>/volumes/<name>/_data    what containers see
 *   <dataRoot>/volumes/.trash-<random> what is being deleted; emptied at start
 */
import { chmod, mkdir, opendir, readdir, realpath, rename, rm, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorText, NaruError } from "../lib/errors.ts";
import { MS, mount, remountBindReadOnly, unmount } from "../linux/mount.ts";
import { listMountsBelow } from "../linux/mount-table.ts";
import { mountInThread } from "../linux/mount-thread.ts";
import { errorCode } from "../linux/sys-error.ts";
import { measureTree } from "../linux/trees.ts";
import type { Volume, VolumeCreateRequest } from "../model/volume.ts";
import type { Collection, StateStore } from "../store/contract.ts";
import type { VolumeStore } from "./contract.ts";
import { checkDriverOptions, needsMount, volumeMount } from "./mount-options.ts";
import { checkVolumeName, randomVolumeName } from "./volume-name.ts";

interface VolumeRecord {
  name: string;
  createdAt: string;
  labels: Record<string, string> | null;
  options: Record<string, string> | null;
}

const ANONYMOUS_LABEL = "com.docker.volume.anonymous";
const TRASH_PREFIX = ".trash-";

/** Opens the store and clears up what a crash left: half-deleted volumes, directories without a record. */
export async function createVolumeStore(options: { dataRoot: string; store: StateStore }): Promise<VolumeStore> {
  const root = join(options.dataRoot, "volumes");
  // Users of containers pass through here to their files.
  await mkdir(root, { recursive: true, mode: 0o701 });
  const records = options.store.collection<VolumeRecord>("volumes");
  const mounted = await findMounted(root);
  for (const name of await readdir(root)) {
    const path = join(root, name);
    // A directory without a record was never told to anybody; an empty one is no loss.
    if (name.startsWith(TRASH_PREFIX)) removeLater(path);
    else if (!records.has(name) && (await isEmptyDirectory(join(path, "_data")))) removeLater(path);
  }
  return new LocalVolumeStore(root, records, mounted);
}

class LocalVolumeStore implements VolumeStore {
  /** Users of volumes with driver options; the mount is there while there is one. */
  private readonly users = new Map<string, Set<string>>();
  /** Mounts under way: a second user waits for the first one's. */
  private readonly mounting = new Map<string, Promise<void>>();

  constructor(
    private readonly root: string,
    private readonly records: Collection<VolumeRecord>,
    private readonly mounted: Set<string>,
  ) {}

  listVolumes(): Volume[] {
    return [...this.records.values()].map((record) => this.describe(record));
  }

  getVolume(name: string): Volume {
    return this.describe(this.getRecord(name));
  }

  findVolume(name: string): Volume | undefined {
    const record = this.records.get(name);
    return record && this.describe(record);
  }

  async createVolume(request: VolumeCreateRequest): Promise<Volume> {
    const driver = request.Driver || "local";
    const name = request.Name || randomVolumeName();
    if (driver !== "local") {
      throw new NaruError(
        "not-found",
        `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
      );
    }
    checkVolumeName(name);
    const known = this.records.get(name);
    if (known) return this.describe(known);
    const options = request.DriverOpts ?? null;
    if (options) checkDriverOptions(name, options);
    const record: VolumeRecord = {
      name,
      createdAt: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
      labels: request.Name ? (request.Labels ?? null) : { ...request.Labels, [ANONYMOUS_LABEL]: "" },
      options,
    };
    await this.makeDirectory(name);
    try {
      await this.records.propose(name, record);
    } catch (error) {
      // Only what is empty goes: a directory that was there before keeps what is in it.
      await rmdir(this.dataPath(name)).then(
        () => rmdir(join(this.root, name)),
        () => {},
      );
      throw error;
    }
    return this.describe(record);
  }

  async removeVolume(name: string, { force }: { force: boolean }): Promise<void> {
    if (!this.records.has(name)) {
      if (force) return;
      throw noSuchVolume(name);
    }
    if (this.mounted.has(name)) this.unmountData(name);
    await this.records.delete(name);
    this.users.delete(name);
    const target = join(this.root, TRASH_PREFIX + randomVolumeName().slice(0, 16));
    try {
      await rename(join(this.root, name), target);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return;
      throw error;
    }
    removeLater(target);
  }

  async mountVolume(name: string, userId: string): Promise<string> {
    const { options } = this.getRecord(name);
    const path = this.dataPath(name);
    await this.makeDirectory(name);
    const users = this.users.get(name) ?? new Set();
    this.users.set(name, users);
    users.add(userId);
    if (options === null || !needsMount(options) || this.mounted.has(name)) return path;
    try {
      await this.mountOnce(name, options, path);
    } catch (cause) {
      users.delete(userId);
      throw mountFailure(name, options, path, cause);
    }
    return path;
  }

  async unmountVolume(name: string, userId: string): Promise<void> {
    const users = this.users.get(name);
    users?.delete(userId);
    if ((users?.size ?? 0) === 0 && this.mounted.has(name)) this.unmountData(name);
  }

  async sizeOf(name: string): Promise<number> {
    this.getRecord(name);
    return await measureTree(this.dataPath(name));
  }

  async isEmpty(name: string): Promise<boolean> {
    return await isEmptyDirectory(this.dataPath(name));
  }

  private mountOnce(name: string, options: Record<string, string>, path: string): Promise<void> {
    const underWay = this.mounting.get(name);
    if (underWay !== undefined) return underWay;
    const mounting = this.mountData(name, options, path).finally(() => this.mounting.delete(name));
    this.mounting.set(name, mounting);
    return mounting;
  }

  private async mountData(name: string, options: Record<string, string>, path: string): Promise<void> {
    const spec = volumeMount(options, path);
    // What needs neither disk nor network is there at once.
    if (spec.type === "" || spec.type === "tmpfs") mount(spec);
    else await mountInThread(spec);
    this.mounted.add(name);
    // The kernel ignores ro in the call that makes a bind mount.
    const flags = spec.flags ?? 0;
    if ((flags & MS.BIND) !== 0 && (flags & MS.RDONLY) !== 0) remountBindReadOnly(path);
  }

  private unmountData(name: string): void {
    unmount(this.dataPath(name));
    this.mounted.delete(name);
  }

  private async makeDirectory(name: string): Promise<void> {
    const path = this.dataPath(name);
    try {
      if ((await stat(path)).isDirectory()) return;
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
    await mkdir(path, { recursive: true });
    // Whatever the daemon's umask is.
    await chmod(join(this.root, name), 0o701);
    await chmod(path, 0o755);
  }

  private getRecord(name: string): VolumeRecord {
    const record = this.records.get(name);
    if (!record) throw noSuchVolume(name);
    return record;
  }

  private dataPath(name: string): string {
    return join(this.root, name, "_data");
  }

  private describe({ name, createdAt, labels, options }: VolumeRecord): Volume {
    return {
      CreatedAt: createdAt,
      Driver: "local",
      Labels: labels,
      Mountpoint: this.dataPath(name),
      Name: name,
      Options: options,
      Scope: "local",
    };
  }
}

function noSuchVolume(name: string): NaruError {
  return new NaruError("not-found", `get ${name}: no such volume`);
}

function mountFailure(name: string, options: Record<string, string>, path: string, cause: unknown): NaruError {
  const words = errorText(cause).split(": ").at(-1);
  const hint =
    options.type === "nfs" || options.type === "nfs4"
      ? " (for NFS, o must have addr=ADDRESS of the server as an IP address, and the kernel its nfs module)"
      : "";
  return new NaruError(
    "internal",
    `error while mounting volume '${path}': failed to mount local volume ${name}: mount ${options.device ?? ""}:${path}` +
      `${options.o ? `, data: ${options.o}` : ""}: ${words}${hint}`,
    { cause },
  );
}

async function isEmptyDirectory(path: string): Promise<boolean> {
  try {
    const directory = await opendir(path);
    try {
      return (await directory.read()) === null;
    } finally {
      await directory.close();
    }
  } catch (error) {
    if (errorCode(error) === "ENOENT") return true;
    throw error;
  }
}

/** Volumes whose mount outlived an earlier daemon, since their containers did. */
async function findMounted(root: string): Promise<Set<string>> {
  const [points, real] = await Promise.all([listMountsBelow(root), realpath(root)]);
  const ofVolumes = points.filter((point) => basename(point) === "_data" && dirname(dirname(point)) === real);
  return new Set(ofVolumes.map((point) => basename(dirname(point))));
}

function removeLater(path: string): void {
  // What cannot be removed now is tried again at the next start.
  rm(path, { recursive: true, force: true }).catch(() => {});
}
