/** Starts processes in running containers: `exec`. */
import { errorText, isKind, NaruError } from "../lib/errors.ts";
import { closeFd, O, openInRoot, openPath } from "../linux/file-calls.ts";
import { errorCode } from "../linux/sys-error.ts";
import { monitorComplaint, runtimeStateRoot } from "./container-launcher.ts";
import type { ContainerProcess, ExecRequest, ExitStatus } from "./contract.ts";
import type { HostFacts } from "./host-facts.ts";
import { readRegular } from "./layered-files.ts";
import { MonitorConnection } from "./monitor-connection.ts";
import type { ProcessExited } from "./monitor-protocol.ts";
import { lostStatus, MonitoredProcess, OutputFanOut } from "./monitored-process.ts";
import { containerCapabilities } from "./oci-capabilities.ts";
import { apparmorProfile, containerRlimits, type RuntimeDefaults } from "./oci-config.ts";
import { parseSecurityOptions } from "./oci-security.ts";
import type { OciProcess } from "./oci-spec.ts";
import { type AccountFiles, environmentWithHome, resolveUser } from "./oci-user.ts";
import { execFiles, newConsoleSocket, readRuntimeError, removeExecFiles, writeProcessFile } from "./run-directory.ts";
import { execStartError } from "./runtime-errors.ts";
import { execCommand, type RuntimeProgram } from "./runtime-program.ts";

interface ExecLauncherOptions {
  program: RuntimeProgram;
  facts: HostFacts;
  execRoot: string;
  monitorPath: string;
  defaults: RuntimeDefaults;
}

/** What Docker reports for a file that is there and cannot be executed. */
const EXEC_FAILED = 255;

export class ExecLauncher {
  readonly #options: ExecLauncherOptions;

  constructor(options: ExecLauncherOptions) {
    this.#options = options;
  }

  /** @throws {NaruError} invalid for an unknown user or group, conflict when the container has ended. */
  async checkUser(request: UserRequest): Promise<void> {
    try {
      resolveUser(request.user, [], await readAccounts(request));
    } catch (error) {
      throw isKind(error, "internal") ? new NaruError("invalid", errorText(error), { cause: error }) : error;
    }
  }

  /** @throws {NaruError} in Docker's words. */
  async start(request: ExecRequest): Promise<ContainerProcess> {
    const cwd = request.workingDir || request.config.WorkingDir || "/";
    if (!cwd.startsWith("/")) {
      throw new NaruError("internal", "OCI runtime exec failed: exec failed: Cwd must be an absolute path");
    }
    const files = execFiles(request.runDir, request.execId);
    await writeProcessFile(files.processFile, this.#process(request, cwd, await readAccounts(request)));
    const output = new OutputFanOut();
    if (request.onOutput) output.add(request.onOutput);
    const connection = await this.#spawn(request, files, output);
    const outcome = await connection.started;
    if (outcome.kind !== "started") {
      connection.close();
      const message = (await readRuntimeError(files.logPath)) || monitorComplaint(outcome);
      await removeExecFiles(files);
      throw execStartError({ runtime: this.#options.program.name, message, args: request.command, cwd });
    }
    return new MonitoredProcess(outcome.pid, connection, output, {
      isSubscribed: request.onOutput !== undefined,
      conclude: async (exited) => {
        const status = execStatus(exited);
        // Beyond the start crun logs one thing only: that the program could not be executed.
        const hasFailed = status.exitCode !== 0 && (await readRuntimeError(files.logPath)) !== "";
        await removeExecFiles(files);
        return hasFailed ? { ...status, exitCode: EXEC_FAILED } : status;
      },
    });
  }

  #spawn(request: ExecRequest, files: ReturnType<typeof execFiles>, output: OutputFanOut): Promise<MonitorConnection> {
    const { program, execRoot, monitorPath } = this.#options;
    const { processFile, pidFile, logPath } = files;
    const consoleSocket = request.tty ? newConsoleSocket(execRoot) : undefined;
    const call = { logPath, pidFile, consoleSocket, processFile, containerId: request.containerId };
    return MonitorConnection.spawn(
      {
        binaryPath: monitorPath,
        pidFile,
        hasStdin: request.openStdin,
        consoleSocket,
        isSubscribed: request.onOutput !== undefined,
        runtimeCommand: execCommand(program, { ...call, stateRoot: runtimeStateRoot(execRoot, program) }),
      },
      output,
    );
  }

  #process(request: ExecRequest, cwd: string, accounts: AccountFiles): OciProcess {
    const { hostConfig, config, tty, consoleSize: [height = 0, width = 0] = [] } = request;
    const user = resolveUser(request.user || config.User || "", hostConfig.GroupAdd ?? [], accounts);
    const { facts, defaults } = this.#options;
    const privileged = request.privileged || hostConfig.Privileged === true;
    const capabilities = containerCapabilities(facts.capabilities, {
      privileged,
      capAdd: hostConfig.CapAdd,
      capDrop: hostConfig.CapDrop,
    });
    const security = parseSecurityOptions(hostConfig.SecurityOpt ?? [], defaults);
    const profile = apparmorProfile(privileged, security.apparmor, facts.apparmorProfiles);
    const rlimits = containerRlimits(hostConfig, defaults.ulimits);
    return {
      ...(tty ? { terminal: true } : {}),
      ...(tty && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
      user,
      args: request.command,
      env: environmentWithHome(request.env, user, accounts),
      cwd,
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      ...(rlimits.length > 0 ? { rlimits } : {}),
      ...(security.noNewPrivileges ? { noNewPrivileges: true } : {}),
      ...(profile ? { apparmorProfile: profile } : {}),
    };
  }
}

function execStatus(exited: ProcessExited | undefined): ExitStatus {
  return exited ? { exitCode: exited.code, finishedAt: exited.at, oomKilled: false } : lostStatus();
}

type UserRequest = Pick<ExecRequest, "containerId" | "containerPid" | "user">;

/** The account files in the container as they are now. */
async function readAccounts({ containerId, containerPid }: UserRequest): Promise<AccountFiles> {
  const root = openContainerRoot(containerId, containerPid);
  try {
    const [passwd, group] = await Promise.all([readInRoot(root, "etc/passwd"), readInRoot(root, "etc/group")]);
    return { passwd, group };
  } finally {
    closeFd(root);
  }
}

function openContainerRoot(id: string, pid: number): number {
  try {
    return openPath(`/proc/${pid}/root`, O.PATH | O.DIRECTORY);
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes(errorCode(error))) {
      throw new NaruError("conflict", `container ${id} is not running`, { cause: error });
    }
    throw error;
  }
}

/** A small file of the container's, "" when absent. No link in the container leads out of it. */
async function readInRoot(root: number, path: string): Promise<string> {
  let fd: number;
  try {
    fd = openInRoot(root, path, O.PATH);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP", "EACCES"].includes(errorCode(error))) return "";
    throw error;
  }
  try {
    return await readRegular(`/proc/self/fd/${fd}`);
  } finally {
    closeFd(fd);
  }
}
