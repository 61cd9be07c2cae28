/** One container of a pod through its runs: starts it, hears of its end, stops it. When it should run is decided by the pod. */

import { errorText, isKind } from "../../lib/errors.ts";
import type { ContainerStatus, ResourceRequirements } from "../../model/kubernetes/core.ts";
import { sameJson } from "../machinery/copy.ts";
import { ConfigError } from "./config-error.ts";
import { containerHash } from "./container-hash.ts";
import { type ContainerRun, lostRun, newRun, type Waiting } from "./container-run.ts";
import { PullError } from "./image-presence.ts";
import { runHook } from "./lifecycle-hooks.ts";
import { type NodeContext, podText } from "./node-context.ts";
import { fieldPathOf, type PodContainer } from "./pod-containers.ts";
import type { PodHost } from "./pod-host.ts";
import type { ContainerView } from "./pod-status.ts";
import { createContainer, messageFile, prepareContainer } from "./prepare-container.ts";
import { ContainerProbes } from "./probes/container-probes.ts";
import { containerLimits } from "./resource-settings.ts";
import { BackOff } from "./restart-back-off.ts";
import { terminationMessage } from "./termination-message.ts";

/** What cannot be made now is tried again so often, besides when something changes that it names. */
const CONFIG_RETRY_MS = 10_000;
const START_FAILED = 128;

export class ContainerSlot {
  run: ContainerRun | undefined;
  previous: ContainerRun | undefined;
  waiting: Waiting = { reason: "ContainerCreating" };
  /** What the running process is held to. */
  resources: ResourceRequirements | undefined;
  readonly #backOff: BackOff;
  #task: Promise<void> | undefined;
  #probes: ContainerProbes | undefined;
  #isHookDone = false;
  /** A start that failed before there was a container: not before this time again. */
  #retryAt = 0;
  #isBackOffTold = false;
  #stopping: Promise<void> | undefined;
  #ended = Promise.withResolvers<void>();

  constructor(
    readonly context: NodeContext,
    readonly host: PodHost,
    public container: PodContainer,
  ) {
    this.#backOff = new BackOff(context.longestRestartWaitMs);
  }

  get name(): string {
    return this.container.spec.name;
  }
  get isRunning(): boolean {
    return this.run?.phase === "running";
  }
  /** A start is under way. */
  get isBusy(): boolean {
    return this.#task !== undefined;
  }
  get started(): boolean {
    return this.isRunning && this.#isHookDone && (this.#probes?.hasStarted ?? true);
  }
  get ready(): boolean {
    return this.started && this.#stopping === undefined && (this.#probes?.isReady ?? true);
  }

  view(): ContainerView {
    const { container, run, previous, waiting, started, ready } = this;
    const resources = this.resources ?? container.spec.resources;
    return { container, run, previous, waiting, started, ready, resources };
  }

  /**
   * Runs of an earlier daemon, oldest first.
   * @param before what was told of the container then: all that is known of a run that left nothing in the engine
   */
  restore(runs: readonly ContainerRun[], before: ContainerStatus | undefined, hasSandbox: boolean): void {
    const lost = runs.length === 0 && before !== undefined ? lostRun(before) : undefined;
    this.run = runs.at(-1) ?? lost;
    this.previous = runs.at(-2);
    if (this.run !== undefined && !hasSandbox) this.run.fromEarlierSandbox = true;
    this.resources = before?.resources ?? this.container.spec.resources ?? {};
    if (!this.isRunning) return;
    this.#isHookDone = true;
    this.#startProbes(before && { started: before.started === true, ready: before.ready });
  }

  /** Starts it if it is time to. @returns milliseconds to wait where it is not */
  begin(now: number): number | undefined {
    if (this.#task !== undefined || this.isRunning || this.#stopping !== undefined) return undefined;
    if (this.#retryAt > now) return this.#retryAt - now;
    if (this.run?.phase === "ended") {
      const waitMs = this.#backOff.waitMs(this.run.finishedAt, now);
      if (waitMs > 0) {
        this.#tellBackOff();
        return waitMs;
      }
      this.#backOff.attempt(now);
    }
    this.#isBackOffTold = false;
    this.#task = this.#start()
      .catch((error) => this.#noteFailure(error))
      .finally(() => {
        this.#task = undefined;
        this.host.wake();
      });
    return undefined;
  }

  /** Something that it names has changed: try again at once. */
  retryNow(): void {
    this.#retryAt = 0;
  }

  /** The engine says that this container's process has ended. */
  async noteEnd(containerId: string): Promise<void> {
    const run = [this.run, this.previous].find((one) => one?.containerId === containerId);
    if (run === undefined || run.phase === "ended") return;
    const { State } = await this.context.engine.containers.inspect(containerId);
    run.startedAt = Date.parse(State.StartedAt) || run.startedAt;
    run.finishedAt = Date.parse(State.FinishedAt) || Date.now();
    run.exitCode = State.ExitCode;
    run.reason = State.OOMKilled ? "OOMKilled" : State.ExitCode === 0 ? "Completed" : "Error";
    const file = messageFile(this.context, this.host.pod, this.name, run.attempt);
    run.message = await terminationMessage(this.context.engine, this.container.spec, { ...run, file });
    this.#finish(run);
  }

  /** The engine does not know the container any more: somebody removed it by hand. */
  noteLoss(): void {
    if (this.run === undefined || this.run.phase === "ended") return;
    Object.assign(this.run, { finishedAt: Date.now(), exitCode: 137, reason: "ContainerStatusUnknown" });
    this.#finish(this.run);
  }

  /**
   * Ends the process: preStop hook, stop signal, and SIGKILL once `hurry` is aborted. Resolves when it has ended; at once when
   * nothing runs.
   */
  stop(reason: string, hurry: AbortSignal): Promise<void> {
    this.#stopping ??= this.#stop(reason, hurry).finally(() => {
      this.#stopping = undefined;
      this.host.wake();
    });
    return this.#stopping;
  }

  /** Ends a process that was made from another image than the spec names now: it is then started anew. */
  replaceChanged(): void {
    const { run } = this;
    if (run?.phase !== "running" || run.isReplaced || run.hash === undefined) return;
    if (run.hash === containerHash(this.container.spec)) return;
    run.isReplaced = true;
    void this.stop(`Container ${this.name} definition changed, will be restarted`, this.#graceSignal(undefined));
  }

  /**
   * Holds the running process to the spec's resources; restarts it where its policy says so.
   * @throws NaruError when the kernel does not take them
   */
  async resize(): Promise<void> {
    const { run, resources: before } = this;
    const { resources: wanted, resizePolicy = [] } = this.container.spec;
    if (run?.phase !== "running" || before === undefined || sameJson(before, wanted ?? {})) return;
    const changes = (name: string) =>
      before.requests?.[name] !== wanted?.requests?.[name] || before.limits?.[name] !== wanted?.limits?.[name];
    this.resources = wanted ?? {};
    if (
      resizePolicy.some(
        ({ resourceName, restartPolicy }) => restartPolicy === "RestartContainer" && changes(resourceName),
      )
    ) {
      await this.stop(`Container ${this.name} resize requires restart`, this.#graceSignal(undefined));
      return;
    }
    try {
      await this.context.engine.containers.update(run.containerId, containerLimits(wanted));
    } catch (error) {
      this.resources = before;
      throw error;
    }
    this.host.wake();
  }

  /** Ends with the agent; the process goes on. */
  release(): void {
    this.#probes?.stop();
  }

  /** Ids of all containers that stand for it. */
  get containerIds(): string[] {
    return [this.run, this.previous].flatMap((run) => (run?.containerId ? [run.containerId] : []));
  }

  async #start(): Promise<void> {
    const { context, host, container } = this;
    const attempt = this.run === undefined ? 0 : this.run.attempt + 1;
    const tell = this.#tell.bind(this);
    const { labels, request, imageId } = await prepareContainer(context, host, container, attempt, tell);
    const release = await context.starts.take(host.starting);
    try {
      const run = newRun(attempt, imageId);
      run.hash = labels.hash;
      run.containerId = await createContainer(context.engine, labels, request);
      this.#enter(run);
      tell("Normal", "Created", `Created container: ${this.name}`);
      await this.#launch(run);
    } finally {
      release();
    }
    await this.#afterStart();
  }

  /** The new run takes its place; the one before the last is removed. */
  #enter(run: ContainerRun): void {
    const oldest = this.previous;
    this.previous = this.run ?? this.previous;
    this.run = run;
    this.#ended = Promise.withResolvers();
    this.#isHookDone = false;
    if (oldest?.containerId && oldest !== this.previous) {
      void this.context.engine.containers
        .remove(oldest.containerId, { force: true, volumes: true, link: false })
        .catch((error) => this.context.log.debug(`an old container of ${this.name} stays: ${errorText(error)}`));
    }
  }

  async #launch(run: ContainerRun): Promise<void> {
    try {
      await this.context.engine.containers.start(run.containerId);
    } catch (error) {
      run.startedAt = Date.now();
      run.finishedAt = Date.now();
      run.exitCode = START_FAILED;
      run.reason = "StartError";
      run.message = errorText(error);
      this.#finish(run);
      this.#tell("Warning", "Failed", `Error: ${errorText(error)}`);
      throw new StartFailure();
    }
    run.startedAt ||= Date.now();
    // It may have ended in the meantime.
    if (run.phase === "starting") run.phase = "running";
    this.resources = this.container.spec.resources ?? {};
    this.waiting = { reason: "" };
    this.#tell("Normal", "Started", `Started container ${this.name}`);
  }

  async #afterStart(): Promise<void> {
    const { run, container, context, host } = this;
    const hook = container.spec.lifecycle?.postStart;
    if (run === undefined || run.phase !== "running") return;
    if (hook !== undefined) {
      host.wake();
      try {
        await runHook(context, host, this.container.spec, run.containerId, hook, host.starting);
      } catch (error) {
        this.#tell("Warning", "FailedPostStartHook", `PostStartHook failed: ${errorText(error)}`);
        void this.stop(`FailedPostStartHook`, this.#graceSignal(undefined));
        return;
      }
    }
    this.#isHookDone = true;
    this.#startProbes(undefined);
  }

  #startProbes(before: { started: boolean; ready: boolean } | undefined): void {
    const run = this.run;
    if (run === undefined) return;
    this.#probes?.stop();
    this.#probes = ContainerProbes.start(this.context, this.host, this.container, run, {
      before,
      onChange: () => this.host.wake(),
      onFailed: (message, graceSeconds) => {
        this.#tell("Normal", "Killing", message);
        void this.stop("", this.#graceSignal(graceSeconds));
      },
    });
  }

  /** Aborted when a container that is stopped for itself alone has had its time. */
  #graceSignal(seconds: number | undefined): AbortSignal {
    const grace = seconds ?? this.host.pod.spec?.terminationGracePeriodSeconds ?? 30;
    return AbortSignal.timeout(Math.max(1, grace) * 1000);
  }

  async #stop(reason: string, hurry: AbortSignal): Promise<void> {
    // A start under way goes to its end first, so that what it makes is stopped too.
    await this.#task;
    const run = this.run;
    if (run === undefined || run.phase !== "running") return;
    if (reason !== "") this.#tell("Normal", "Killing", reason);
    const { context, host, container } = this;
    const hook = container.spec.lifecycle?.preStop;
    if (hook !== undefined && !hurry.aborted) {
      try {
        await runHook(context, host, container.spec, run.containerId, hook, hurry);
      } catch (error) {
        if (!hurry.aborted) this.#tell("Warning", "FailedPreStopHook", `PreStopHook failed: ${errorText(error)}`);
      }
    }
    this.#probes?.stop();
    const kill = () => void context.engine.containers.kill(run.containerId, "KILL").catch(() => {});
    hurry.addEventListener("abort", kill, { once: true });
    try {
      const timeoutSeconds = hurry.aborted ? 0 : -1;
      await context.engine.containers.stop(run.containerId, { timeoutSeconds }).catch((error) => {
        if (!isKind(error, "not-modified") && !isKind(error, "not-found")) throw error;
      });
      await this.noteEnd(run.containerId).catch(() => this.noteLoss());
    } finally {
      hurry.removeEventListener("abort", kill);
    }
    await this.#ended.promise;
  }

  #finish(run: ContainerRun): void {
    run.phase = "ended";
    if (run === this.run) {
      this.#probes?.stop();
      this.#probes = undefined;
      this.#ended.resolve();
    }
    this.host.wake();
  }

  #noteFailure(error: unknown): void {
    if (this.host.starting.aborted || error instanceof StartFailure) return;
    const message = errorText(error);
    if (error instanceof PullError) {
      this.waiting = { reason: error.reason, message };
      this.#retryAt = Date.now() + error.retryMs;
      if (error.reason === "ErrImagePull") {
        this.#tell("Warning", "Failed", `Failed to pull image "${this.container.spec.image}": ${message}`);
        this.#tell("Warning", "Failed", "Error: ErrImagePull");
        // Seen for a moment as what it is; from the next look on it waits.
        setTimeout(() => this.#tellPullBackOff(message), 1000).unref();
      }
      return;
    }
    this.#retryAt = Date.now() + CONFIG_RETRY_MS;
    const reason = error instanceof ConfigError ? error.reason : "CreateContainerError";
    this.waiting = { reason, message };
    this.#tell("Warning", reason === "InvalidImageName" ? "InspectFailed" : "Failed", `Error: ${message}`);
  }

  #tellPullBackOff(message: string): void {
    if (this.waiting.reason !== "ErrImagePull" || this.run?.phase === "running") return;
    const words = `Back-off pulling image "${this.container.spec.image}"`;
    this.waiting = { reason: "ImagePullBackOff", message: `${words}: ErrImagePull: ${message}` };
    this.#tell("Normal", "BackOff", words);
    this.host.wake();
  }

  #tellBackOff(): void {
    if (this.#isBackOffTold) return;
    this.#isBackOffTold = true;
    const pod = podText(this.host.pod);
    const message = `back-off ${formatDelay(this.#backOff.delayMs)} restarting failed container=${this.name} pod=${pod}`;
    this.waiting = { reason: "CrashLoopBackOff", message };
    this.#tell("Warning", "BackOff", `Back-off restarting failed container ${this.name} in pod ${pod}`);
  }

  #tell(type: "Normal" | "Warning", reason: string, message: string): void {
    this.host.event(type, reason, message, fieldPathOf(this.container));
  }
}

/** Already told and recorded in the run. */
class StartFailure extends Error {}

/** As Go writes whole seconds: "10s", "2m40s". */
function formatDelay(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds % 60}s`;
}
