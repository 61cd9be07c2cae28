/** Processes run in containers by hand (`exec`): made, started once, inspected, forgotten some time after their end. */
import { errorText, isKind, NaruError } from "../lib/errors.ts";
import type { ExecCreateRequest, ExecInspect } from "../model/container.ts";
import type { ContainerProcess } from "../runtime/contract.ts";
import { Session } from "./attach-session.ts";
import type { Container } from "./container.ts";
import { containerEnvironment } from "./container-environment.ts";
import type { AttachSession, ExecService } from "./contract.ts";
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "./detach-keys.ts";
import { containerRunDir, type EngineContext, publishContainerEvent } from "./engine-context.ts";
import { linkVariablesNow } from "./links.ts";
import { overrideEnv } from "./merge-image-config.ts";
import { randomId } from "./names.ts";
import { OutputHub } from "./output-hub.ts";

/** Ended instances live through one such period at least, two at most. */
const COLLECTION_PERIOD_MS = 5 * 60_000;

interface ExecInstance {
  id: string;
  container: Container;
  request: ExecCreateRequest;
  detachKeys: string;
  status: "created" | "running" | "ended";
  process: ContainerProcess | undefined;
  pid: number;
  exitCode: number | null;
  isCollectable: boolean;
}

export class ExecInstances implements ExecService {
  readonly #instances = new Map<string, ExecInstance>();
  readonly #timer: Timer;

  constructor(readonly context: EngineContext) {
    this.#timer = setInterval(() => this.#collect(), COLLECTION_PERIOD_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async create(containerRef: string, request: ExecCreateRequest): Promise<{ Id: string }> {
    const container = this.context.containers.get(containerRef);
    if (!request.Cmd?.length) throw new NaruError("invalid", "No exec command specified");
    requireExecutable(container, containerRef);
    // Clients start what they have created at once.
    this.context.runtime.expectStart();
    await this.context.runtime.checkExecUser({
      containerId: container.id,
      containerPid: container.record.state.pid,
      user: request.User || container.record.config.User || "",
    });
    const detachKeys = request.DetachKeys ?? "";
    if (detachKeys !== "") checkExecDetachKeys(detachKeys);
    const id = randomId();
    this.#instances.set(id, {
      id,
      container,
      request,
      detachKeys,
      status: "created",
      process: undefined,
      pid: 0,
      exitCode: null,
      isCollectable: false,
    });
    container.execIds.add(id);
    this.#publish(container, id, `exec_create: ${commandWords(request)}`);
    return { Id: id };
  }

  async start(
    execId: string,
    options: { detach: boolean; tty: boolean; consoleSize?: [number, number] },
  ): Promise<AttachSession | undefined> {
    const instance = this.#get(execId);
    const { container, request } = instance;
    if (instance.status === "ended") {
      throw new NaruError("conflict", `exec command ${execId} has already run`);
    }
    if (instance.status === "running") {
      throw new NaruError("conflict", `exec command ${execId} is already running`);
    }
    requireExecutable(container, container.id);
    instance.status = "running";
    const hub = new OutputHub();
    const session = options.detach ? undefined : this.#openSession(instance, hub);
    this.#publish(container, execId, `exec_start: ${commandWords(request)}`);
    try {
      const process = await this.#run(instance, options, hub);
      hub.connect(process);
    } catch (error) {
      session?.close();
      this.#failed(instance, error);
      throw error;
    }
    return session;
  }

  #openSession(instance: ExecInstance, hub: OutputHub): Session {
    const { request, container, id } = instance;
    const tty = request.Tty ?? false;
    const session = new Session({
      tty,
      stdin: request.AttachStdin ?? false,
      stdout: request.AttachStdout ?? false,
      stderr: request.AttachStderr ?? false,
      detachKeys: parseDetachKeys(instance.detachKeys || DEFAULT_DETACH_KEYS),
      process: async () => instance.process ?? Promise.reject(new Error("the process does not run")),
      closesStdin: !tty,
      onDetach: () => this.#publish(container, id, "exec_detach"),
    });
    session.joined(hub.add(session));
    return session;
  }

  async #run(
    instance: ExecInstance,
    options: { detach: boolean; consoleSize?: [number, number] },
    hub: OutputHub,
  ): Promise<ContainerProcess> {
    const { container, request, id } = instance;
    const { record } = container;
    const config = { ...record.config, Tty: request.Tty ?? false };
    const env = overrideEnv(containerEnvironment(config, linkVariablesNow(this.context, container)), request.Env ?? []);
    const process = await this.context.runtime.exec({
      containerId: record.id,
      execId: id,
      runDir: containerRunDir(this.context, record.id),
      containerPid: record.state.pid,
      command: request.Cmd ?? [],
      env,
      workingDir: request.WorkingDir || record.config.WorkingDir || "/",
      user: request.User || record.config.User || "",
      tty: request.Tty ?? false,
      openStdin: (request.AttachStdin ?? false) && !options.detach,
      privileged: request.Privileged ?? false,
      consoleSize: options.consoleSize ?? request.ConsoleSize ?? undefined,
      config: record.config,
      hostConfig: record.hostConfig,
      onOutput: hub.hooksForStart(),
    });
    instance.process = process;
    instance.pid = process.pid;
    process.exited.then((status) => {
      this.#ended(instance, status.exitCode);
      hub.disconnect();
    });
    return process;
  }

  #ended(instance: ExecInstance, exitCode: number): void {
    instance.status = "ended";
    instance.exitCode = exitCode;
    instance.process = undefined;
    instance.container.execIds.delete(instance.id);
    this.#publish(instance.container, instance.id, "exec_die", { exitCode: String(exitCode) });
  }

  #failed(instance: ExecInstance, error: unknown): void {
    const words = errorText(error);
    const isMissing = /executable file not found|no such file or directory/.test(words);
    const isDenied = /permission denied|not a directory|is a directory/.test(words);
    instance.status = "ended";
    instance.exitCode = isMissing ? 127 : isDenied ? 126 : 128;
    instance.container.execIds.delete(instance.id);
  }

  async resize(execId: string, rows: number, columns: number): Promise<void> {
    const instance = this.#get(execId);
    if (instance.process === undefined) {
      if (instance.pid === 0) throw new NaruError("invalid", "exec process is not started");
      throw new NaruError("not-found", `exec process is not running: ${execId}`);
    }
    await instance.process.resize(rows, columns);
  }

  inspect(execId: string): ExecInspect {
    const { id, container, request, status, exitCode, pid, detachKeys, isCollectable } = this.#get(execId);
    const [entrypoint = "", ...rest] = request.Cmd ?? [];
    const processConfig: ExecInspect["ProcessConfig"] = {
      tty: request.Tty ?? false,
      entrypoint,
      arguments: rest,
      privileged: request.Privileged ?? false,
    };
    if (request.User) processConfig.user = request.User;
    return {
      ID: id,
      Running: status === "running",
      ExitCode: exitCode,
      ProcessConfig: processConfig,
      OpenStdin: request.AttachStdin ?? false,
      OpenStderr: request.AttachStderr ?? false,
      OpenStdout: request.AttachStdout ?? false,
      CanRemove: isCollectable,
      ContainerID: container.id,
      DetachKeys: detachKeys,
      Pid: pid,
    };
  }

  #get(execId: string): ExecInstance {
    const instance = this.#instances.get(execId) ?? this.#findByPrefix(execId);
    // Instances of a removed container are gone with it.
    if (instance === undefined || this.context.containers.find(instance.container.id) === undefined) {
      throw new NaruError("not-found", `No such exec instance: ${execId}`);
    }
    return instance;
  }

  #findByPrefix(prefix: string): ExecInstance | undefined {
    if (prefix.length < 12) return undefined;
    const found = [...this.#instances.values()].filter(({ id }) => id.startsWith(prefix));
    return found.length === 1 ? found[0] : undefined;
  }

  #publish(container: Container, execID: string, action: string, more: Record<string, string> = {}): void {
    publishContainerEvent(this.context, container, action, { execID, ...more });
  }

  #collect(): void {
    for (const instance of this.#instances.values()) {
      const isOrphan = this.context.containers.find(instance.container.id) === undefined;
      const isOver = instance.status === "ended" || (instance.status === "created" && !instance.container.hasProcess);
      if (isOrphan || (isOver && instance.isCollectable)) {
        instance.container.execIds.delete(instance.id);
        this.#instances.delete(instance.id);
      } else if (isOver) {
        instance.isCollectable = true;
      }
    }
  }
}

function commandWords({ Cmd }: ExecCreateRequest): string {
  const [first = "", ...rest] = Cmd ?? [];
  return `${first} ${rest.join(" ")}`;
}

function requireExecutable(container: Container, ref: string): void {
  const { status } = container.record.state;
  if (status === "paused") {
    throw new NaruError("conflict", `Container ${ref} is paused, unpause the container before exec`);
  }
  if (status === "restarting") {
    throw new NaruError("conflict", `Container ${container.id} is restarting, wait until the container is running`);
  }
  if (status !== "running") throw new NaruError("conflict", `container ${container.id} is not running`);
}

function checkExecDetachKeys(keys: string): void {
  try {
    parseDetachKeys(keys);
  } catch (error) {
    if (isKind(error, "invalid")) throw new NaruError("internal", `Invalid escape keys (${keys}) provided`);
    throw error;
  }
}
