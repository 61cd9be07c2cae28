/**
 * Volumes of the driver "local": `<data root>/volumes/<name>/_data`, optionally with a file system mounted on it while
 * a container uses the volume.
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, opendir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import type { Volume, VolumeCreateRequest } from "../model/volume.ts";
import type { Collection, StateStore } from "../store/contract.ts";
import type { VolumeStore } from "./contract.ts";
import { directorySizeBytes } from "./directory-size.ts";
import { checkVolumeName, parseVolumeOptions, type VolumeMount } from "./volume-options.ts";

interface VolumeRecord {
  version: 1;
  name: string;
  /** RFC 3339, seconds, UTC. */
  createdAt: string;
  labels: Record<string, string> | null;
  options: Record<string, string> | null;
}

/** Opens the volumes of a data root. */
export async function createVolumeStore(options: { dataRoot: string; store: StateStore }): Promise<VolumeStore> {
  const directory = join(options.dataRoot, "volumes");
  await mkdir(directory, { recursive: true, mode: 0o701 });
  return new LocalVolumes(directory, options.store.collection<VolumeRecord>("volumes"));
}

class LocalVolumes implements VolumeStore {
  /** Who uses a volume now; only volumes that mount something need to know. */
  private readonly users = new Map<string, Set<string>>();

  constructor(
    private readonly directory: string,
    private readonly records: Collection<VolumeRecord>,
  ) {}

  listVolumes(): Volume[] {
    return [...this.records.values()].map((record) => this.report(record));
  }

  getVolume(name: string): Volume {
    const volume = this.findVolume(name);
    if (!volume) throw new NaruError("not-found", `get ${name}: no such volume`);
    return volume;
  }

  findVolume(name: string): Volume | undefined {
    const record = this.records.get(name);
    return record && this.report(record);
  }

  async createVolume(request: VolumeCreateRequest): Promise<Volume> {
    const isAnonymous = !request.Name;
    const name = request.Name || randomBytes(32).toString("hex");
    const driver = request.Driver || "local";
    if (driver !== "local") {
      const reason = `error looking up volume plugin ${driver}: plugin "${driver}" not found`;
      throw new NaruError("not-found", `create ${name}: ${reason}`);
    }
    const existing = this.findVolume(name);
    if (existing) return existing;
    checkVolumeName(name);
    parseVolumeOptions(name, request.DriverOpts ?? {});
    await mkdir(this.dataPath(name), { recursive: true, mode: 0o755 });
    // The modes of mkdir() are cut by the daemon's umask; a container's user must be able to enter.
    await chmod(this.dataPath(name), 0o755);
    const labels = isAnonymous ? { ...request.Labels, "com.docker.volume.anonymous": "" } : (request.Labels ?? null);
    const createdAt = `${new Date().toISOString().slice(0, 19)}Z`;
    const record: VolumeRecord = { version: 1, name, createdAt, labels, options: request.DriverOpts ?? null };
    await this.records.put(name, record);
    return this.report(record);
  }

  async removeVolume(name: string, { force }: { force: boolean }): Promise<void> {
    const record = this.records.get(name);
    if (!record) {
      if (force) return;
      throw new NaruError("not-found", `get ${name}: no such volume`);
    }
    if (this.mountOf(record) && (await isMountPoint(this.dataPath(name))))
      await runMountProgram(["umount", this.dataPath(name)]);
    this.users.delete(name);
    // The record goes last: a crash in between leaves a volume that can be removed again.
    await rm(join(this.directory, name), { recursive: true, force: true });
    await this.records.delete(name);
  }

  async mountVolume(name: string, userId: string): Promise<string> {
    const record = this.records.get(name);
    if (!record) throw new NaruError("not-found", `get ${name}: no such volume`);
    const path = this.dataPath(name);
    const mount = this.mountOf(record);
    if (!mount) {
      // Somebody may have removed the directory by hand; Docker makes it anew.
      await mkdir(path, { recursive: true, mode: 0o755 });
      return path;
    }
    if (!(await isMountPoint(path))) await mountOn(path, name, mount);
    const users = this.users.get(name) ?? new Set();
    this.users.set(name, users.add(userId));
    return path;
  }

  async unmountVolume(name: string, userId: string): Promise<void> {
    const record = this.records.get(name);
    if (!record || !this.mountOf(record)) return;
    const users = this.users.get(name);
    users?.delete(userId);
    if (users && users.size > 0) return;
    this.users.delete(name);
    if (await isMountPoint(this.dataPath(name))) await runMountProgram(["umount", this.dataPath(name)]);
  }

  sizeOf(name: string): Promise<number> {
    return directorySizeBytes(this.dataPath(name));
  }

  async isEmpty(name: string): Promise<boolean> {
    await using directory = await opendir(this.dataPath(name));
    return (await directory.read()) === null;
  }

  private dataPath(name: string): string {
    return join(this.directory, name, "_data");
  }

  private mountOf(record: VolumeRecord): VolumeMount | undefined {
    return record.options ? parseVolumeOptions(record.name, record.options) : undefined;
  }

  private report(record: VolumeRecord): Volume {
    return {
      CreatedAt: record.createdAt,
      Driver: "local",
      Labels: record.labels,
      Mountpoint: this.dataPath(record.name),
      Name: record.name,
      Options: record.options,
      Scope: "local",
    };
  }
}

/** True when something is mounted on this directory (proc(5), mountinfo, field 5). */
async function isMountPoint(path: string): Promise<boolean> {
  const escaped = path.replace(/[ \t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
  const table = await readFile("/proc/self/mountinfo", "utf8");
  return table.split("\n").some((line) => line.split(" ")[4] === escaped);
}

async function mountOn(path: string, name: string, mount: VolumeMount): Promise<void> {
  const isBind = mount.options.split(",").some((word) => word === "bind" || word === "rbind");
  const type = isBind && mount.type === "none" ? [] : ["-t", mount.type];
  const options = mount.options ? ["-o", mount.options] : [];
  try {
    await runMountProgram(["mount", ...type, ...options, mount.device, path]);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new NaruError("internal", `failed to mount local volume ${name}: ${text}`, { cause });
  }
}

/** mount(8) and umount(8) know every file system's options, and a hanging server blocks only them. */
async function runMountProgram(command: string[]): Promise<void> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const [text, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (code !== 0) throw new Error(text.trim() || `${command[0]} ended with code ${code}`);
}
