/** Runs one service at its times, and remembers how it went. */
import { errorText, NaruError } from "../../lib/errors.ts";
import type { Collection } from "../../store/contract.ts";
import type { ComposeEngine, ObservedContainer } from "../contract.ts";
import { observeContainers } from "../observe/observe-project.ts";
import type { ProjectModel } from "../service-model.ts";
import type { AutomationLog, RunOutcome, ScheduledRun, ScheduleStatus } from "./contract.ts";
import { SCHEDULE_KEY, type Schedule } from "./schedule.ts";
import { startService } from "./service-plan.ts";

/** What is kept of a schedule. */
export interface ScheduleRecord {
  project: string;
  service: string;
  /** Unix milliseconds: times up to here are dealt with. */
  consideredMs: number;
  runs: ScheduledRun[];
}

interface ScheduledServiceParts {
  engine: ComposeEngine;
  records: Collection<ScheduleRecord>;
  log: AutomationLog;
  /** Called when nothing of the project is there any more. */
  onGone: () => void;
}

/** Clocks are set and machines sleep: the time is looked at this often. */
const LONGEST_SLEEP_MS = 60_000;

export class ScheduledService {
  readonly #stopping = new AbortController();
  readonly #key: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the run under way began. */
  #runningSince: string | undefined;

  constructor(
    private readonly parts: ScheduledServiceParts,
    private readonly project: ProjectModel,
    private readonly service: string,
    private readonly schedule: Schedule,
  ) {
    this.#key = `${project.name}/${service}`;
  }

  /** Takes up a run that goes on since before the daemon started, then waits for the next time. */
  start(nowMs = Date.now()): void {
    const known = this.parts.records.get(this.#key);
    const begins = known === undefined || !this.schedule.catchesUp;
    this.#note({ consideredMs: begins ? nowMs : known.consideredMs });
    const open = known?.runs.findLast(({ outcome }) => outcome === "running");
    if (open !== undefined) void this.#resume(open.at);
    this.#arm();
  }

  stop(): void {
    this.#stopping.abort();
    clearTimeout(this.#timer);
  }

  status(): ScheduleStatus {
    const { cron, zone } = this.schedule;
    const { runs, consideredMs } = this.#record;
    const nextMs = this.schedule.next(Math.max(consideredMs, Date.now()));
    const nextAt = nextMs === undefined ? undefined : new Date(nextMs).toISOString();
    return { project: this.project.name, service: this.service, cron, zone, nextAt, runs };
  }

  /** @throws {NaruError} conflict when it runs, not-found when its container is not there */
  async runNow(): Promise<void> {
    if (this.#runningSince !== undefined) throw new NaruError("conflict", `service ${this.service} runs already`);
    const { container } = await this.#look();
    if (container === undefined) throw new NaruError("not-found", this.#missing);
    if (isAlive(container)) throw new NaruError("conflict", `service ${this.service} runs already`);
    await this.#begin(container);
  }

  get #record(): ScheduleRecord {
    const fresh = { project: this.project.name, service: this.service, consideredMs: 0, runs: [] };
    return this.parts.records.get(this.#key) ?? fresh;
  }

  get #missing(): string {
    return `service ${this.service} has no container: make it with 'compose up ${this.service}'`;
  }

  #arm(): void {
    if (this.#stopping.signal.aborted) return;
    const next = this.schedule.next(this.#record.consideredMs);
    const waitMs = next === undefined ? LONGEST_SLEEP_MS : Math.max(0, next - Date.now());
    this.#timer = setTimeout(() => this.#wake(next), Math.min(waitMs, LONGEST_SLEEP_MS));
    this.#timer.unref();
  }

  #wake(next: number | undefined): void {
    if (next !== undefined && Date.now() >= next) {
      this.#note({ consideredMs: Date.now() });
      void this.#due().catch((error) => this.#missed(errorText(error)));
    }
    this.#arm();
  }

  async #due(): Promise<void> {
    const { container, isProjectThere, isProjectStopped } = await this.#look();
    if (!isProjectThere) return this.parts.onGone();
    if (isProjectStopped) return;
    if (container === undefined) return this.#missed(this.#missing);
    if (this.#runningSince !== undefined || isAlive(container)) {
      if (this.schedule.overlap === "skip") return this.#missed("the run before still goes on");
      this.#finish("replaced");
      await this.parts.engine.stopContainer(container.id, { signal: this.#stopping.signal });
    }
    await this.#begin(container);
  }

  async #look() {
    const all = await observeContainers(this.parts.engine, this.project.name, this.#stopping.signal);
    const container = all.find(({ service, isOneOff }) => service === this.service && !isOneOff);
    // A project that was stopped as a whole stays so; one of jobs alone never looks stopped.
    const servers = all.filter(({ service }) => this.project.trees[service]?.[SCHEDULE_KEY] === undefined);
    const isProjectStopped = servers.length > 0 && !servers.some(isAlive);
    return { container, isProjectThere: all.length > 0, isProjectStopped };
  }

  async #begin(container: ObservedContainer): Promise<void> {
    const { engine, log } = this.parts;
    const signal = this.#stopping.signal;
    const run: ScheduledRun = { at: new Date().toISOString(), outcome: "running" };
    this.#add(run);
    this.#runningSince = run.at;
    try {
      const warn = (text: string) => log.warn(text, { project: this.project.name, service: this.service });
      await startService({ engine, warn, signal }, this.project, this.service, container);
    } catch (error) {
      this.#runningSince = undefined;
      this.#finish("failed", { reason: errorText(error) }, run.at);
      throw error;
    }
    void this.#follow(container.id, run.at);
  }

  /** Waits for the end of the run that began at `at`. */
  async #follow(id: string, at: string): Promise<void> {
    this.#runningSince = at;
    const { engine, log } = this.parts;
    const { timeoutMs } = this.schedule;
    const signal = this.#stopping.signal;
    let isLate = false;
    const tooLong = () => {
      isLate = true;
      engine
        .stopContainer(id)
        .catch((error) => log.warn(`a run that took too long was not stopped: ${errorText(error)}`));
    };
    const leftMs = timeoutMs === undefined ? undefined : Math.max(0, Date.parse(at) + timeoutMs - Date.now());
    const timer = leftMs === undefined ? undefined : setTimeout(tooLong, leftMs);
    try {
      const exitCode = await engine.waitContainer(id, "not-running", signal);
      this.#finish(isLate ? "timed out" : exitCode === 0 ? "succeeded" : "failed", { exitCode }, at);
    } catch (error) {
      if (!signal.aborted) this.#finish("failed", { reason: errorText(error) }, at);
    } finally {
      clearTimeout(timer);
      // Another run may have replaced this one.
      if (this.#runningSince === at) this.#runningSince = undefined;
    }
  }

  async #resume(at: string): Promise<void> {
    try {
      const { container } = await this.#look();
      if (container === undefined) this.#finish("failed", { reason: "its container is gone" }, at);
      else await this.#follow(container.id, at);
    } catch (error) {
      this.#finish("failed", { reason: errorText(error) }, at);
    }
  }

  #missed(reason: string): void {
    this.#add({ at: new Date().toISOString(), outcome: "missed", reason });
  }

  #add(run: ScheduledRun): void {
    this.#note({ runs: [...this.#record.runs, run].slice(-this.schedule.keptRuns) });
  }

  /** Closes the run that began at `at`, else the last one that is open; one that is closed stays as it is. */
  #finish(outcome: RunOutcome, more: Partial<ScheduledRun> = {}, at?: string): void {
    const endedAt = new Date().toISOString();
    const open = this.#record.runs.findLast((run) => run.outcome === "running" && (at === undefined || run.at === at));
    const runs = this.#record.runs.map((run) => (run === open ? { ...run, ...more, outcome, endedAt } : run));
    this.#note({ runs });
  }

  #note(change: Partial<ScheduleRecord>): void {
    this.parts.records.put(this.#key, { ...this.#record, ...change }).catch((error) => {
      this.parts.log.warn(`the run of a scheduled service was not written down: ${errorText(error)}`);
    });
  }
}

const isAlive = ({ state }: ObservedContainer) => state === "running" || state === "paused" || state === "restarting";
