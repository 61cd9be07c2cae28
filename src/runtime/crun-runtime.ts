/** The container runtime: crun (or runc) makes a container, a monitor supervises it, the rest goes to the kernel. */
import { rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { errorText, NaruError } from "../lib/errors.ts";
import type { Resources } from "../model/container.ts";
import { listCgroupPids, listDirectories, removeCgroups, sendSignal } from "./cgroup-directories.ts";
import { isFrozen, setFrozen } from "./cgroup-freezer.ts";
import { type CgroupLayout, hasBlockWeights, readCgroupLayout, releaseUnifiedControllers } from "./cgroup-layout.ts";
import { applyLimits } from "./cgroup-limits.ts";
import { MigrationPrimer } from "./cgroup-migration.ts";
import { readCgroupStats, wasOomKilled } from "./cgroup-stats.ts";
import { ContainerLauncher, runtimeStateRoot } from "./container-launcher.ts";
import type {
  CgroupStats,
  ContainerProcess,
  ContainerRuntime,
  ExecRequest,
  ExitStatus,
  OverlayRoot,
  RuntimeInfo,
  StartRequest,
} from "./contract.ts";
import { ExecLauncher } from "./exec-launcher.ts";
import { type HostFacts, readHostFacts } from "./host-facts.ts";
import { MonitorConnection } from "./monitor-connection.ts";
import { findHeldDescriptors } from "./monitor-descriptors.ts";
import { findExitRecord } from "./monitor-exit-record.ts";
import type { ProcessExited } from "./monitor-protocol.ts";
import { type Conclude, lostStatus, MonitoredProcess, OutputFanOut } from "./monitored-process.ts";
import type { RuntimeDefaults } from "./oci-config.ts";
import { containerFiles, createExecRoot, findCgroupPath, findPid, removeRunDirectory } from "./run-directory.ts";
import { findRuntimeProgram, hasRecursiveReadOnly, type RuntimeProgram } from "./runtime-program.ts";

interface CrunRuntimeOptions {
  /** Holds the runtime's state (`crun/`) and compiled seccomp filters (`seccomp/`). */
  execRoot: string;
  /** From ensureMonitorBinary(). */
  monitorPath: string;
  /** Undefined: crun, else runc, from PATH. */
  runtimePath?: string;
  /** Names this daemon among several: its containers' cgroups lie below /naru-<instance>. */
  instance: string;
  defaults?: Partial<RuntimeDefaults>;
  /** The text of a profile for all containers, or "unconfined"; undefined: Docker's. */
  seccompProfile?: string;
}

/** The runtime, and what only the daemon needs of it. */
export interface CrunRuntime extends ContainerRuntime {
  /** Parent of the cgroups of this daemon's containers, e.g. "/naru-1a2b". */
  readonly cgroupParent: string;
  /** Removes that parent from all hierarchies when no container is left in it. */
  removeEmptyCgroupParent(): Promise<void>;
}

const SIGKILL = 9;

/**
 * Finds the runtime and makes it work on this machine.
 * @throws {NaruError} unavailable when there is no runtime, saying what to install; invalid for a bad seccomp profile.
 */
export async function createCrunRuntime(options: CrunRuntimeOptions): Promise<CrunRuntime> {
  const { execRoot, monitorPath, seccompProfile } = options;
  const [facts, layout] = await Promise.all([readHostFacts(), readCgroupLayout()]);
  const warnings: string[] = [];
  const program = await chooseProgram(options.runtimePath, layout, warnings);
  await createExecRoot(execRoot, runtimeStateRoot(execRoot, program));
  warnings.push(...missingCapabilities(facts));
  const defaults = { ulimits: [], init: false, noNewPrivileges: false, ...options.defaults };
  const common = { program, facts, execRoot, monitorPath, defaults };
  const launcher = new ContainerLauncher({ ...common, layout, seccompProfile });
  const info: RuntimeInfo = {
    name: program.name,
    path: program.path,
    version: program.version,
    cgroupVersion: layout.version,
    cgroupDriver: "cgroupfs",
    hasBlockWeights: await hasBlockWeights(layout),
    hasRecursiveReadOnly: hasRecursiveReadOnly(program, facts.kernel),
    warnings,
  };
  return new Runtime(info, layout, launcher, new ExecLauncher(common), `/naru-${options.instance}`);
}

/** crun does not run beside a cgroup2 that holds controllers: takes these away, or takes runc. */
async function chooseProgram(
  path: string | undefined,
  layout: CgroupLayout,
  warnings: string[],
): Promise<RuntimeProgram> {
  const program = await findRuntimeProgram(path);
  if (program.name !== "crun") return program;
  const before = layout.mountPoints.length;
  const failures = await releaseUnifiedControllers(layout);
  if (failures.length === 0) {
    const mounted = layout.mountPoints.slice(before);
    if (mounted.length > 0) warnings.push(`mounted ${mounted.join(", ")}: crun needs cgroup2 without controllers`);
    return program;
  }
  const reason = `cgroup2 holds controllers that could not be moved to cgroup v1, ${failures.join(", ")}`;
  try {
    const runc = await findRuntimeProgram(undefined, ["runc"]);
    warnings.push(`using runc, for crun would not run: ${reason}`);
    return runc;
  } catch (cause) {
    throw new NaruError("unavailable", `crun cannot run here: ${reason}; install runc: apt-get install runc`, {
      cause,
    });
  }
}

function missingCapabilities({ capabilities, missingCapabilities: missing }: HostFacts): string[] {
  if (missing.length === 0 || capabilities.length === 0) return [];
  return [`the daemon itself lacks ${missing.join(", ")}: no container can have that, not even a privileged one`];
}

/** What is known of a container that this daemon started or found again. */
interface Entry {
  pid: number;
  cgroupPath: string;
  isPaused: boolean;
}

class Runtime implements CrunRuntime {
  readonly #entries = new Map<string, Entry>();
  readonly #layout: CgroupLayout;
  readonly #launcher: ContainerLauncher;
  readonly #execLauncher: ExecLauncher;
  readonly #primer: MigrationPrimer;

  constructor(
    readonly info: RuntimeInfo,
    layout: CgroupLayout,
    launcher: ContainerLauncher,
    execLauncher: ExecLauncher,
    readonly cgroupParent: string,
  ) {
    this.#layout = layout;
    this.#launcher = launcher;
    this.#execLauncher = execLauncher;
    this.#primer = new MigrationPrimer(layout);
  }

  async start(request: StartRequest, options: { signal?: AbortSignal } = {}): Promise<ContainerProcess> {
    const { id, runDir, cgroupPath } = request;
    options.signal?.throwIfAborted();
    if (this.#entries.get(id)?.pid) throw new NaruError("conflict", `container ${id} is already running`);
    this.expectStart();
    try {
      const process = await this.#launcher.start(request, this.#concluder(id, runDir, cgroupPath));
      this.#entries.set(id, { pid: process.pid, cgroupPath, isPaused: false });
      options.signal?.throwIfAborted();
      return process;
    } catch (error) {
      await this.#removeFailed(id, runDir, cgroupPath);
      throw error;
    }
  }

  async #removeFailed(id: string, runDir: string, cgroupPath: string): Promise<void> {
    this.#entries.set(id, { pid: 0, cgroupPath, isPaused: false });
    try {
      await this.delete(id, runDir);
    } catch (error) {
      // The failure to start is what the user must see.
      console.error(`container ${id}: cleaning up after its start failed: ${errorText(error)}`);
    }
  }

  async reconnect(id: string, runDir: string): Promise<ContainerProcess | ExitStatus | undefined> {
    const cgroupPath = await findCgroupPath(runDir);
    if (cgroupPath === undefined) return undefined;
    const output = new OutputFanOut();
    const connection = await MonitorConnection.find(runDir, output);
    if (connection) {
      const outcome = await connection.started;
      if (outcome.kind === "started") {
        const isPaused = await isFrozen(this.#layout, cgroupPath);
        this.#entries.set(id, { pid: outcome.pid, cgroupPath, isPaused });
        const conclude = this.#concluder(id, runDir, cgroupPath);
        return new MonitoredProcess(outcome.pid, connection, output, { isSubscribed: false, conclude });
      }
      connection.close();
    }
    return this.#recordedExit(runDir, cgroupPath);
  }

  /** The end of a container without a monitor. */
  async #recordedExit(runDir: string, cgroupPath: string): Promise<ExitStatus | undefined> {
    const record = await findExitRecord(runDir);
    if (record?.kind === "exited") {
      const oomKilled = await wasOomKilled(this.#layout, cgroupPath);
      return { exitCode: record.code, finishedAt: record.at, oomKilled };
    }
    if (record || (await findPid(containerFiles(runDir).pidFile)) === undefined) return undefined;
    // It was started, and its monitor killed: without log and exit status it cannot go on.
    await this.#killAll(cgroupPath);
    return lostStatus();
  }

  async sweep(aliveContainerIds: ReadonlySet<string>): Promise<void> {
    const parents = this.#layout.mountPoints.map((mountPoint) => join(mountPoint, this.cgroupParent));
    const lists = await Promise.all([...parents, this.#launcher.statePath("")].map(listDirectories));
    const strangers = new Set(lists.flat()).difference(aliveContainerIds);
    await Promise.all([
      this.#launcher.removeLeftovers(),
      ...[...strangers].map(async (id) => {
        await setFrozen(this.#layout, join(this.cgroupParent, id), false).catch(() => undefined);
        await removeCgroups(this.#layout, join(this.cgroupParent, id));
        await rm(this.#launcher.statePath(id), { recursive: true, force: true });
      }),
    ]);
  }

  async findHeldDescriptors(runDir: string): Promise<number[]> {
    return (await findHeldDescriptors(runDir)) ?? [];
  }

  expectStart(): void {
    this.#primer.prime();
  }

  exec(request: ExecRequest): Promise<ContainerProcess> {
    this.expectStart();
    return this.#execLauncher.start(request);
  }

  findUser(root: OverlayRoot, user: string): Promise<{ uid: number; gid: number }> {
    return this.#launcher.findUser(root, user);
  }

  checkExecUser(request: Pick<ExecRequest, "containerId" | "containerPid" | "user">): Promise<void> {
    return this.#execLauncher.checkUser(request);
  }

  async kill(id: string, runDir: string, signal: number, options: { all?: boolean } = {}): Promise<void> {
    const entry = await this.#findEntry(id, runDir);
    if (!entry) return;
    if (options.all) {
      for (const pid of await listCgroupPids(this.#layout, entry.cgroupPath)) sendSignal(pid, signal);
    } else if (entry.pid > 0) {
      sendSignal(entry.pid, signal);
    }
    // A frozen process of cgroup v1 does not even die.
    if (signal === SIGKILL && entry.isPaused) await this.resume(id);
  }

  async pause(id: string): Promise<void> {
    const entry = this.#getEntry(id);
    await setFrozen(this.#layout, entry.cgroupPath, true);
    entry.isPaused = true;
  }

  async resume(id: string): Promise<void> {
    const entry = this.#getEntry(id);
    await setFrozen(this.#layout, entry.cgroupPath, false);
    entry.isPaused = false;
  }

  async update(id: string, resources: Resources): Promise<void> {
    await applyLimits(this.#layout, this.#getEntry(id).cgroupPath, resources);
  }

  async delete(id: string, runDir: string): Promise<void> {
    const entry = await this.#findEntry(id, runDir);
    if (entry?.isPaused) await setFrozen(this.#layout, entry.cgroupPath, false).catch(() => undefined);
    await Promise.all([
      entry ? removeCgroups(this.#layout, entry.cgroupPath) : undefined,
      rm(this.#launcher.statePath(id), { recursive: true, force: true }),
    ]);
    // Last: it tells where the cgroups are, should the daemon die before.
    await removeRunDirectory(runDir);
    this.#entries.delete(id);
  }

  async listPids(id: string): Promise<number[]> {
    return listCgroupPids(this.#layout, this.#getEntry(id).cgroupPath);
  }

  async readStats(id: string): Promise<CgroupStats> {
    return readCgroupStats(this.#layout, this.#getEntry(id).cgroupPath);
  }

  async removeEmptyCgroupParent(): Promise<void> {
    // Not removeCgroups(): that would kill what a container left behind.
    const directories = this.#layout.mountPoints.map((mountPoint) => join(mountPoint, this.cgroupParent));
    await Promise.all(directories.map((directory) => rmdir(directory).catch(() => undefined)));
  }

  #getEntry(id: string): Entry {
    const entry = this.#entries.get(id);
    if (!entry) throw new NaruError("conflict", `container ${id} is not running`);
    return entry;
  }

  /** What is known, else what an earlier daemon wrote down. */
  async #findEntry(id: string, runDir: string): Promise<Entry | undefined> {
    const entry = this.#entries.get(id);
    if (entry) return entry;
    const cgroupPath = await findCgroupPath(runDir);
    if (cgroupPath === undefined) return undefined;
    const pid = await findPid(containerFiles(runDir).pidFile);
    const isAlive = pid !== undefined && (await listCgroupPids(this.#layout, cgroupPath)).includes(pid);
    return { pid: isAlive ? pid : 0, cgroupPath, isPaused: await isFrozen(this.#layout, cgroupPath) };
  }

  #concluder(id: string, runDir: string, cgroupPath: string): Conclude {
    return async (exited: ProcessExited | undefined) => {
      const entry = this.#entries.get(id);
      // The number may soon be another process's.
      if (entry) entry.pid = 0;
      if (!exited) return (await this.#recordedExit(runDir, cgroupPath)) ?? lostStatus();
      const oomKilled = await wasOomKilled(this.#layout, cgroupPath);
      return { exitCode: exited.code, finishedAt: exited.at, oomKilled };
    };
  }

  async #killAll(cgroupPath: string): Promise<void> {
    for (const pid of await listCgroupPids(this.#layout, cgroupPath)) sendSignal(pid, SIGKILL);
  }
}
