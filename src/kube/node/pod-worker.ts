/** One pod on this node: brings its sandbox and volumes up, decides which containers run, tells its status, ends it. */

import { errorText } from "../../lib/errors.ts";
import type { Pod, PodStatus } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { sameJson } from "../machinery/copy.ts";
import type { ContainerRun } from "./container-run.ts";
import { ContainerSlot } from "./container-slot.ts";
import { Deadline } from "./deadline.ts";
import type { PodFacts } from "./downward-values.ts";
import type { NodeContext } from "./node-context.ts";
import { podContainers, specOf } from "./pod-containers.ts";
import type { PodHost } from "./pod-host.ts";
import { podNames, writeNetworkFiles } from "./pod-network-files.ts";
import { refusalOf } from "./pod-refusal.ts";
import { openPodSandbox } from "./pod-sandbox.ts";
import { isInitialized, OUR_CONDITIONS, type PodView, podOutcome, podStatus } from "./pod-status.ts";
import { startInOrder } from "./start-order.ts";
import { StatusWriter } from "./status-writer.ts";
import { stopPod } from "./stop-pod.ts";
import { PodVolumes } from "./volumes/pod-volumes.ts";

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 60_000;
/** A pod that is up within this time never shows that it was being made. */
const QUIET_START_MS = 80;

export class PodWorker implements PodHost {
  readonly slots = new Map<string, ContainerSlot>();
  readonly volumes: PodVolumes;
  readonly hostname: string;
  facts: PodFacts;
  readonly #startingEnd = new AbortController();
  readonly #writer: StatusWriter;
  readonly #startedAt: number;
  #isPrepared = false;
  #hasSandbox = false;
  #preparing: Promise<void> | undefined;
  #retryMs = FIRST_RETRY_MS;
  #failure: { reason: string; message: string } | undefined;
  #isFinal = false;
  /** Why resources could not be changed. */
  #resizeError: string | undefined;
  #ending: Promise<void> | undefined;
  readonly #deadline = new Deadline();
  #isSyncWanted = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isReleased = false;

  constructor(
    readonly context: NodeContext,
    public pod: Stored<Pod>,
    /** Told when nothing of the pod is left. */
    readonly onGone: () => void,
  ) {
    const hostIps = [context.nodeAddress];
    // Of an earlier agent's time.
    const sandbox = context.engine.pods.find(pod.metadata.uid);
    this.#hasSandbox = sandbox !== undefined;
    this.facts = { podIps: pod.spec?.hostNetwork ? hostIps : (sandbox?.addresses ?? []), hostIps };
    this.volumes = new PodVolumes(context, pod);
    this.hostname = podNames(pod, context.clusterDomain).hostname;
    this.#startedAt = Date.parse(pod.status?.startTime ?? "") || Date.now();
    this.#writer = new StatusWriter(context, pod);
    if (pod.status?.phase === "Failed" && pod.status.reason) {
      this.#failure = { reason: pod.status.reason, message: pod.status.message ?? "" };
    }
    this.#meetContainers();
  }

  get starting(): AbortSignal {
    return this.#startingEnd.signal;
  }

  /** What an earlier daemon started. Before the first wake(). */
  restore(runs: ReadonlyMap<string, readonly ContainerRun[]>): void {
    const { status } = this.pod;
    const statuses = [
      ...(status?.initContainerStatuses ?? []),
      ...(status?.containerStatuses ?? []),
      ...(status?.ephemeralContainerStatuses ?? []),
    ];
    for (const [name, slot] of this.slots) {
      const before = statuses.find((one) => one.name === name);
      slot.restore(runs.get(name) ?? [], before, this.#hasSandbox);
    }
  }

  /** The pod as the API has it now. */
  update(pod: Stored<Pod>, before: Stored<Pod>): void {
    this.pod = pod;
    this.#writer.noteObject(pod);
    const { labels, annotations, generation, deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
    const isSameMeta = sameJson({ labels, annotations }, pick(before.metadata));
    if (this.#isPrepared && !isSameMeta) void this.volumes.refresh(pod, this.facts);
    // A container that cannot be made may take what it lacks from there.
    if (!isSameMeta) for (const slot of this.slots.values()) slot.retryNow();
    const isSame =
      isSameMeta &&
      generation === before.metadata.generation &&
      deletionTimestamp === before.metadata.deletionTimestamp &&
      deletionGracePeriodSeconds === before.metadata.deletionGracePeriodSeconds &&
      sameJson(pod.spec, before.spec);
    // Most news of a pod are our own words of its status.
    if (isSame && sameJson(foreignConditions(pod), foreignConditions(before))) return;
    this.#meetContainers();
    this.wake();
  }

  /** The API has forgotten the pod: everything of it goes, soon. */
  forget(): void {
    this.#writer.stop();
    this.#end(Date.now() + 2000);
  }

  /** A config map or secret has changed. */
  noteObject(kind: "configmap" | "secret", name: string): void {
    if (this.volumes.shows(kind, name)) void this.volumes.refresh(this.pod, this.facts);
    for (const slot of this.slots.values()) slot.retryNow();
    this.wake();
  }

  /** Whether that object can matter to this pod: always, while it waits for something. */
  mayShow(kind: "configmap" | "secret", name: string): boolean {
    if (this.volumes.shows(kind, name)) return true;
    return !this.#isPrepared || [...this.slots.values()].some(({ isRunning, isBusy }) => !isRunning && !isBusy);
  }

  /** Something that the pod may wait for has changed. */
  retryNow(): void {
    if (this.#ending === undefined) this.wake();
  }

  event(type: "Normal" | "Warning", reason: string, message: string, fieldPath?: string): void {
    this.context.recordEvent(this.pod, type, reason, message, fieldPath);
  }

  /** Looks at the pod anew, soon and once. */
  wake(): void {
    if (this.#isSyncWanted || this.#isReleased) return;
    this.#isSyncWanted = true;
    queueMicrotask(() => {
      this.#isSyncWanted = false;
      if (this.#isReleased) return;
      try {
        this.#sync();
      } catch (error) {
        this.context.log.error(`pod ${this.pod.metadata.name} was not looked at: ${errorText(error)}`);
        this.#wakeIn(LONGEST_RETRY_MS);
      }
    });
  }

  /** The agent ends; the pod goes on. */
  async release(): Promise<void> {
    this.#isReleased = true;
    clearTimeout(this.#timer);
    this.#deadline.clear();
    this.#startingEnd.abort(new Error("the node agent ends"));
    for (const slot of this.slots.values()) slot.release();
    await this.#writer.flush();
    this.#writer.stop();
  }

  #meetContainers(): void {
    for (const container of podContainers(specOf(this.pod))) {
      const known = this.slots.get(container.spec.name);
      if (known === undefined) this.slots.set(container.spec.name, new ContainerSlot(this.context, this, container));
      else known.container = container;
    }
  }

  #sync(): void {
    const { metadata, status } = this.pod;
    clearTimeout(this.#timer);
    if (metadata.deletionTimestamp !== undefined) {
      const grace = metadata.deletionGracePeriodSeconds ?? this.#grace;
      // The API's times are whole seconds, cut off.
      const latest = Date.parse(metadata.deletionTimestamp) + 1000;
      this.#end(Math.min(Date.now() + grace * 1000, latest));
    } else if (this.#isFinal || this.#ending !== undefined) {
      // On its way, or a record of what it did.
    } else if (this.#failure !== undefined) {
      this.#end(Date.now() + this.#grace * 1000);
    } else if (status?.phase === "Succeeded" || status?.phase === "Failed") {
      this.#isFinal = true;
      if (this.context.engine.pods.find(metadata.uid) !== undefined) this.#end(Date.now() + this.#grace * 1000);
      return;
    } else if (!this.#refuse() && !this.#checkDeadline()) {
      if (this.#isPrepared) this.#advance();
      else this.#prepare();
    }
    this.#publish();
  }

  get #grace(): number {
    return this.pod.spec?.terminationGracePeriodSeconds ?? 30;
  }

  #prepare(): void {
    if (this.#preparing !== undefined) return;
    this.#preparing = this.#prepareAll()
      .then(() => {
        this.#isPrepared = true;
        this.#retryMs = FIRST_RETRY_MS;
      })
      .catch((error) => this.#noteUnprepared(error))
      .finally(() => {
        this.#preparing = undefined;
        if (this.#isPrepared) this.wake();
      });
  }

  async #prepareAll(): Promise<void> {
    const { context, pod, starting } = this;
    const sandbox = await openPodSandbox(context, pod, this.hostname, starting);
    this.#hasSandbox = true;
    if (sandbox.addresses.length > 0) this.facts = { ...this.facts, podIps: sandbox.addresses };
    context.addressed?.(pod, sandbox.addresses);
    await Promise.all([this.volumes.prepare(this.facts), writeNetworkFiles(context, pod, this.facts.podIps)]);
    starting.throwIfAborted();
  }

  #noteUnprepared(error: unknown): void {
    if (this.starting.aborted) return;
    const reason = this.#hasSandbox ? "FailedMount" : "FailedCreatePodSandBox";
    this.event("Warning", reason, errorText(error));
    this.#publish();
    this.#wakeIn(this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
  }

  /** Brings running containers to a changed image, and to changed resources. */
  #resize(): void {
    for (const slot of this.slots.values()) {
      slot.replaceChanged();
      slot.resize().then(
        () => (this.#resizeError = undefined),
        (error) => {
          if (this.#resizeError === errorText(error)) return;
          this.#resizeError = errorText(error);
          this.#publish();
        },
      );
    }
  }

  /** Starts what should run now. */
  #advance(): void {
    const now = Date.now();
    const waits = [this.#renewTokens(now)];
    waits.push(startInOrder([...this.slots.values()], specOf(this.pod), now));
    this.#resize();
    if (podOutcome(this.#view()) !== undefined) this.#end(now + this.#grace * 1000);
    const wait = Math.min(...waits.filter((one) => one !== undefined));
    if (Number.isFinite(wait)) this.#wakeIn(wait);
  }

  #renewTokens(now: number): number | undefined {
    const { renewAt } = this.volumes;
    if (renewAt === undefined) return undefined;
    if (renewAt > now) return renewAt - now;
    void this.volumes.refresh(this.pod, this.facts).then(() => this.wake());
    return undefined;
  }

  /** @returns whether the pod is one that this node does not take */
  #refuse(): boolean {
    if (this.#isPrepared || this.#hasSandbox) return false;
    this.#failure = refusalOf(specOf(this.pod));
    if (this.#failure === undefined) return false;
    this.event("Warning", this.#failure.reason, this.#failure.message);
    this.#end(Date.now());
    return true;
  }

  /** @returns whether its time is over */
  #checkDeadline(): boolean {
    const seconds = this.pod.spec?.activeDeadlineSeconds;
    if (seconds === undefined) return false;
    const leftMs = this.#startedAt + seconds * 1000 - Date.now();
    if (leftMs > 0) {
      this.#wakeIn(leftMs);
      return false;
    }
    const message = "Pod was active on the node longer than the specified deadline";
    this.#failure = { reason: "DeadlineExceeded", message };
    this.event("Normal", "DeadlineExceeded", message);
    this.#end(Date.now() + this.#grace * 1000);
    return true;
  }

  /** Ends all containers by then. May be called again with an earlier time. */
  #end(at: number): void {
    this.#deadline.atLatest(at);
    this.#startingEnd.abort(new Error("the pod ends"));
    this.#ending ??= stopPod(this.context, this, this.#deadline.signal)
      .then(() => this.#ended())
      .catch((error) => {
        this.context.log.error(`pod ${this.pod.metadata.name} did not end: ${errorText(error)}`);
        this.#ending = undefined;
        this.#wakeIn(this.#retryMs);
      });
  }

  async #ended(): Promise<void> {
    this.#deadline.clear();
    this.#hasSandbox = false;
    this.#isFinal = true;
    this.#publish();
    if (this.pod.metadata.deletionTimestamp === undefined && !this.#writer.isStopped) {
      // It stays as a record of what it did, until somebody deletes it.
      this.#ending = undefined;
      return;
    }
    await this.#writer.flush();
    await this.#writer.remove();
    this.#isReleased = true;
    this.onGone();
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), Math.min(ms, 2 ** 31 - 1));
  }

  #view(): PodView {
    return {
      pod: this.pod,
      containers: [...this.slots.values()].map((slot) => slot.view()),
      podIps: this.facts.podIps,
      hostIp: this.context.nodeAddress,
      hasSandbox: this.#hasSandbox,
      failure: this.#failure,
      resizeError: this.#resizeError,
      isFinal: this.#isFinal,
      startedAt: this.#startedAt,
      now: Date.now(),
    };
  }

  #publish(): void {
    const view = this.#view();
    const status: PodStatus = podStatus(view);
    const isBeginning = view.containers.every(({ run, waiting }) => run === undefined && isQuiet(waiting.reason));
    const ageMs = Date.now() - this.#startedAt;
    this.#writer.write(status, isBeginning && isInitializing(view) ? Math.max(0, QUIET_START_MS - ageMs) : 0);
  }
}

function pick({ labels, annotations }: Stored<Pod>["metadata"]) {
  return { labels, annotations };
}

/** Those that others write and that readiness gates may ask for. */
function foreignConditions({ status }: Stored<Pod>) {
  return (status?.conditions ?? []).filter(({ type }) => !OUR_CONDITIONS.includes(type));
}

function isQuiet(reason: string): boolean {
  return reason === "ContainerCreating" || reason === "PodInitializing";
}

function isInitializing(view: PodView): boolean {
  return !isInitialized(view) || view.containers.some(({ run }) => run === undefined);
}
