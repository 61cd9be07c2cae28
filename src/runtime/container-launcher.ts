/** Starts containers: looks up what the configuration needs, writes it, starts a monitor, waits for what it tells. */
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { type CgroupLayout, hasBlockWeights } from "./cgroup-layout.ts";
import type { ContainerProcess, LogTarget, OverlayRoot, StartRequest } from "./contract.ts";
import type { HostFacts } from "./host-facts.ts";
import { LayeredFiles } from "./layered-files.ts";
import type { MonitorLog, MonitorOptions } from "./monitor-command.ts";
import { MonitorConnection, type StartOutcome } from "./monitor-connection.ts";
import { type Conclude, MonitoredProcess, OutputFanOut } from "./monitored-process.ts";
import { checkPropagation } from "./mount-propagation.ts";
import { containerCapabilities } from "./oci-capabilities.ts";
import { buildOciConfig, commandLine, type RuntimeDefaults } from "./oci-config.ts";
import { containerDevices } from "./oci-devices.ts";
import { needsPropagation } from "./oci-mounts.ts";
import { containerResources, type ResourceSupport } from "./oci-resources.ts";
import { parseSecurityOptions } from "./oci-security.ts";
import type { OciSpec, OciUser } from "./oci-spec.ts";
import { type AccountFiles, environmentWithHome, resolveUser } from "./oci-user.ts";
import {
  containerFiles,
  createRunDirectory,
  newConsoleSocket,
  type ProcessFiles,
  readRuntimeError,
  rootPath,
} from "./run-directory.ts";
import { containerStartError } from "./runtime-errors.ts";
import { hasRecursiveReadOnly, type RuntimeProgram, runCommand } from "./runtime-program.ts";
import { SeccompCache } from "./seccomp-cache.ts";
import { SeccompFilters } from "./seccomp-choice.ts";
import { SeccompCompiler } from "./seccomp-compiler.ts";

interface LauncherOptions {
  program: RuntimeProgram;
  facts: HostFacts;
  layout: CgroupLayout;
  execRoot: string;
  monitorPath: string;
  defaults: RuntimeDefaults;
  seccompProfile: string | undefined;
}

/** A process that could not be executed ends at once, with this code, and says so on its stderr. */
const CRUN_EXEC_FAILED = 1;
/** What Docker reports then. */
const EXEC_FAILED = 255;
const EXEC_FAILURE = /exec container process .*`: |"exec \/[^:]*: (?:exec format error|no such file)/;
/** Longer than crun needs to fail; shorter than what would look up every ordinary failure in the log. */
const EXEC_FAILS_WITHIN_MS = 2000;
const LOG_TAIL_BYTES = 4096;

export class ContainerLauncher {
  readonly #options: LauncherOptions;
  readonly #stateRoot: string;
  readonly #files = new LayeredFiles();
  readonly #filters: SeccompFilters;
  readonly #compiler: SeccompCompiler;
  readonly #programs: SeccompCache;
  #support: Promise<ResourceSupport> | undefined;

  /** @throws {NaruError} internal for a bad seccomp profile. */
  constructor(options: LauncherOptions) {
    const { execRoot, facts, program } = options;
    this.#options = options;
    this.#stateRoot = runtimeStateRoot(execRoot, program);
    this.#filters = new SeccompFilters(facts, options.seccompProfile);
    const filters = join(execRoot, "seccomp");
    this.#compiler = new SeccompCompiler(program, join(filters, "compiler"), options.monitorPath);
    this.#programs = new SeccompCache(filters, `${program.version} ${facts.kernel} ${facts.arch}`, this.#compiler);
  }

  /** Removes what a daemon that died has left beside its containers. */
  removeLeftovers(): Promise<void> {
    return this.#compiler.removeLeftovers();
  }

  /** Where the runtime keeps a container's state. */
  statePath(id: string): string {
    return join(this.#stateRoot, id);
  }

  /**
   * Makes the container and runs its process. What a failure leaves behind is the caller's to remove.
   * @throws {NaruError} in Docker's words.
   */
  async start(request: StartRequest, conclude: Conclude): Promise<ContainerProcess> {
    const [spec] = await Promise.all([
      this.#prepare(request),
      // What a daemon that died has left would make the runtime refuse.
      rm(this.statePath(request.id), { recursive: true, force: true }),
    ]);
    await createRunDirectory(request.runDir, spec);
    const files = containerFiles(request.runDir);
    const output = new OutputFanOut();
    if (request.onOutput) output.add(request.onOutput);
    const connection = await MonitorConnection.spawn(this.#monitorOptions(request, files), output);
    const outcome = await connection.started;
    if (outcome.kind !== "started") {
      connection.close();
      throw await this.#startError(request, files, outcome);
    }
    const startedMs = Date.now();
    return new MonitoredProcess(outcome.pid, connection, output, {
      isSubscribed: request.onOutput !== undefined,
      conclude: async (exited) => {
        const status = await conclude(exited);
        const mayHaveFailed = status.exitCode === CRUN_EXEC_FAILED && Date.now() - startedMs < EXEC_FAILS_WITHIN_MS;
        if (!mayHaveFailed || !(await couldNotExecute(request.log))) return status;
        return { ...status, exitCode: EXEC_FAILED };
      },
    });
  }

  async #prepare(request: StartRequest): Promise<OciSpec> {
    const { hostConfig } = request;
    const { facts, layout, defaults, monitorPath, program } = this.#options;
    if (commandLine(request.config).length === 0) throw new NaruError("invalid", "no command specified");
    const capabilities = containerCapabilities(facts.capabilities, {
      privileged: hostConfig.Privileged,
      capAdd: hostConfig.CapAdd,
      capDrop: hostConfig.CapDrop,
    });
    const security = parseSecurityOptions(hostConfig.SecurityOpt ?? [], defaults);
    const filter = this.#filters.choose(security, hostConfig.Privileged === true, capabilities);
    const [accounts, devices, resources, seccomp] = await Promise.all([
      this.#readAccounts(request.root),
      containerDevices(hostConfig),
      this.#resourceSupport().then((support) => containerResources(hostConfig, support)),
      filter && program.takesCompiledFilters ? this.#programs.choose(filter) : filter && { filter },
      checkPropagation(request.mounts),
    ]);
    const user = resolveUser(request.config.User ?? "", hostConfig.GroupAdd ?? [], accounts);
    const parts = {
      user,
      env: environmentWithHome(request.config.Env ?? [], user, accounts),
      capabilities,
      security,
      devices,
      resources,
      seccomp: seccomp ?? {},
      rootPath: rootPath(request.runDir),
      initPath: monitorPath,
      cgroupVersion: layout.version,
      recursiveReadOnly: hasRecursiveReadOnly(program, facts.kernel),
    };
    return buildOciConfig(request, parts, facts, defaults);
  }

  /** Who a name or number is by the root's own account files. */
  async findUser(root: OverlayRoot, user: string): Promise<OciUser> {
    return resolveUser(user, [], await this.#readAccounts(root));
  }

  async #readAccounts(root: OverlayRoot): Promise<AccountFiles> {
    const [passwd, group] = await Promise.all([
      this.#files.read(root, "/etc/passwd"),
      this.#files.read(root, "/etc/group"),
    ]);
    return { passwd, group };
  }

  #resourceSupport(): Promise<ResourceSupport> {
    const { layout } = this.#options;
    this.#support ??= (async () => ({ cgroupVersion: layout.version, blkioWeight: await hasBlockWeights(layout) }))();
    return this.#support;
  }

  #monitorOptions(request: StartRequest, files: ProcessFiles): MonitorOptions {
    const { runDir, root, config, id } = request;
    const { program, monitorPath, facts } = this.#options;
    const consoleSocket = config.Tty ? newConsoleSocket(this.#options.execRoot) : undefined;
    const { pidFile, logPath } = files;
    const call = { stateRoot: this.#stateRoot, logPath, pidFile, consoleSocket, containerId: id, bundle: runDir };
    return {
      binaryPath: monitorPath,
      directory: runDir,
      pidFile,
      hasStdin: config.OpenStdin === true,
      consoleSocket,
      isSubscribed: request.onOutput !== undefined,
      log: monitorLog(request.log),
      root: {
        path: rootPath(runDir),
        ...root,
        options: facts.overlayOptions,
        keepsPropagation: needsPropagation(request.mounts),
      },
      runtimeCommand: runCommand(program, call),
    };
  }

  async #startError(
    { config }: StartRequest,
    { logPath }: ProcessFiles,
    outcome: Exclude<StartOutcome, { kind: "started" }>,
  ): Promise<NaruError> {
    const message = (await readRuntimeError(logPath)) || monitorComplaint(outcome);
    return containerStartError({
      runtime: this.#options.program.name,
      message,
      args: commandLine(config),
      cwd: config.WorkingDir || "/",
    });
  }
}

/** Apart for each runtime: they do not read each other's state. */
export function runtimeStateRoot(execRoot: string, program: RuntimeProgram): string {
  return join(execRoot, program.name);
}

/** What the monitor can say when the runtime has said nothing. */
export function monitorComplaint(outcome: Exclude<StartOutcome, { kind: "started" }>): string {
  return outcome.kind === "failed" ? outcome.message : "the container monitor was killed while it started the process";
}

function monitorLog({ path, maxSizeBytes, ...rest }: LogTarget): MonitorLog | undefined {
  return path === undefined ? undefined : { path, maxSizeBytes: Math.max(0, maxSizeBytes), ...rest };
}

/** True when the last that the log has is crun's complaint that the program cannot be executed. */
async function couldNotExecute({ path }: LogTarget): Promise<boolean> {
  if (path === undefined) return false;
  const handle = await open(path, "r").catch(() => undefined);
  if (!handle) return false;
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - LOG_TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LOG_TAIL_BYTES), 0, LOG_TAIL_BYTES, start);
    const lines = buffer.toString("utf8", 0, bytesRead).trimEnd().split("\n");
    return EXEC_FAILURE.test(lines.at(-1) ?? "");
  } finally {
    await handle.close();
  }
}
