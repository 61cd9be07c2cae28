/** Looks at the load of one service at intervals and changes the number of its replicas. */
import { errorText } from "../../lib/errors.ts";
import type { Collection } from "../../store/contract.ts";
import type { ComposeEngine, ObservedContainer } from "../contract.ts";
import { observeContainers } from "../observe/observe-project.ts";
import type { ProjectModel } from "../service-model.ts";
import type { Autoscale } from "./autoscale.ts";
import type { AutomationLog, AutoscaleStatus, ContainerLoad, ReadLoad, ScalingChange } from "./contract.ts";
import { decideReplicas, type Recommendation, type ReplicaLoad } from "./scaling-decision.ts";
import { scaleService } from "./service-plan.ts";

/** What is kept of a scaling. */
export interface ScalingRecord {
  project: string;
  service: string;
  changes: ScalingChange[];
}

interface AutoscaledServiceParts {
  engine: ComposeEngine;
  records: Collection<ScalingRecord>;
  readLoad: ReadLoad;
  log: AutomationLog;
  /** True while somebody changes the project. */
  isHeld: () => boolean;
  /** Called when nothing of the project is there any more. */
  onGone: () => void;
}

const KEPT_CHANGES = 50;
/** Longer than containers usually take to stop. */
const SETTLING_MS = 30_000;

interface Sample extends ContainerLoad {
  atMs: number;
}

export class AutoscaledService {
  readonly #stopping = new AbortController();
  readonly #key: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: Promise<void> = Promise.resolve();
  #samples = new Map<string, Sample>();
  #recommendations: Recommendation[] = [];
  #replicas = 0;
  #load = "nothing measured yet";
  /** Since when some replica does not run. */
  #unsettledSinceMs: number | undefined;

  constructor(
    private readonly parts: AutoscaledServiceParts,
    private readonly project: ProjectModel,
    private readonly service: string,
    private readonly autoscale: Autoscale,
  ) {
    this.#key = `${project.name}/${service}`;
  }

  /** Looks at once, for a first sample, and then at each interval. */
  start(): void {
    this.#lookAfter(0);
  }

  stop(): void {
    this.#stopping.abort();
    clearTimeout(this.#timer);
  }

  /** Resolves when the look under way has ended, with what follows from it. */
  settled(): Promise<void> {
    return this.#looking;
  }

  status(): AutoscaleStatus {
    const { min, max } = this.autoscale;
    const changes = this.parts.records.get(this.#key)?.changes ?? [];
    const { project, service } = this;
    return { project: project.name, service, min, max, replicas: this.#replicas, load: this.#load, changes };
  }

  #lookAfter(ms: number): void {
    if (this.#stopping.signal.aborted) return;
    this.#timer = setTimeout(async () => {
      this.#looking = this.#look(Date.now()).catch((error) => {
        if (!this.#stopping.signal.aborted) this.#warn(`cannot scale: ${errorText(error)}`);
      });
      await this.#looking;
      this.#lookAfter(this.autoscale.intervalMs);
    }, ms);
    this.#timer.unref();
  }

  /** One look, and what follows from it. */
  async #look(nowMs: number): Promise<void> {
    if (this.parts.isHeld()) return;
    const signal = this.#stopping.signal;
    const all = await observeContainers(this.parts.engine, this.project.name, signal);
    if (all.length === 0) return void setTimeout(this.parts.onGone);
    const own = all.filter(({ service, isOneOff }) => service === this.service && !isOneOff);
    const replicas = own.filter(({ state }) => state === "running");
    this.#replicas = replicas.length;
    // Who stopped it wants it so.
    if (replicas.length === 0 || this.#isUnsettled(replicas.length < own.length, nowMs)) return;
    const loads = await this.#readLoads(replicas, nowMs);
    const decision = decideReplicas(this.autoscale, replicas.length, loads, this.#recommendations, nowMs);
    this.#recommendations = decision.recommendations;
    this.#load = decision.reason;
    if (decision.replicas === replicas.length || signal.aborted || this.parts.isHeld()) return;
    await this.#scale(replicas.length, decision.replicas, decision.reason);
  }

  /** Replicas that do not run may be about to: somebody stops, starts or updates the service. After a while they have failed. */
  #isUnsettled(someRest: boolean, nowMs: number): boolean {
    this.#unsettledSinceMs = someRest ? (this.#unsettledSinceMs ?? nowMs) : undefined;
    return this.#unsettledSinceMs !== undefined && nowMs - this.#unsettledSinceMs < SETTLING_MS;
  }

  async #scale(from: number, to: number, reason: string): Promise<void> {
    const { engine, log, records } = this.parts;
    const about = { project: this.project.name, service: this.service, from, to, reason };
    log.info("a service is scaled", about);
    const warn = (text: string) => this.#warn(text);
    await scaleService({ engine, warn, signal: this.#stopping.signal }, this.project, this.service, to);
    this.#replicas = to;
    const { project, service } = about;
    const changes = [...(records.get(this.#key)?.changes ?? []), { at: new Date().toISOString(), from, to, reason }];
    await records.put(this.#key, { project, service, changes: changes.slice(-KEPT_CHANGES) });
  }

  /** Loads since the last look; a container that is new has none but its memory. */
  async #readLoads(replicas: readonly ObservedContainer[], nowMs: number): Promise<ReplicaLoad[]> {
    const requests = this.autoscale.target.requests !== undefined;
    const before = this.#samples;
    this.#samples = new Map();
    const loads = await Promise.all(
      replicas.map(async ({ id }) => {
        const load = await this.parts.readLoad(id, { requests }).catch(() => undefined);
        if (load === undefined) return undefined;
        const sample = { ...load, atMs: nowMs };
        this.#samples.set(id, sample);
        return loadBetween(before.get(id), sample);
      }),
    );
    return loads.filter((load) => load !== undefined);
  }

  #warn(message: string): void {
    this.parts.log.warn(message, { project: this.project.name, service: this.service });
  }
}

function loadBetween(before: Sample | undefined, now: Sample): ReplicaLoad {
  const { memoryBytes, memoryLimitBytes } = now;
  // A counter that went back began anew.
  if (before === undefined || now.atMs <= before.atMs || now.cpuNs < before.cpuNs)
    return { memoryBytes, memoryLimitBytes };
  const seconds = (now.atMs - before.atMs) / 1000;
  const cpu = (now.cpuNs - before.cpuNs) / 1e9 / seconds / (now.cpuLimit ?? 1);
  const counted = now.requests === undefined ? undefined : now.requests - (before.requests ?? 0);
  const requestsPerSecond = counted === undefined || counted < 0 ? undefined : counted / seconds;
  return { memoryBytes, memoryLimitBytes, cpu, requestsPerSecond };
}
