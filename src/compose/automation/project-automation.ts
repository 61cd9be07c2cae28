/** Schedules and scales the projects that were registered, from their first `up` to their `down`, whoever runs or not. */
import { NaruError } from "../../lib/errors.ts";
import type { Collection, StateStore } from "../../store/contract.ts";
import type { ComposeEngine } from "../contract.ts";
import { autoscaleOf } from "./autoscale.ts";
import { AutoscaledService, type ScalingRecord } from "./autoscaled-service.ts";
import type { AutomationLog, AutomationStatus, KeptProject, ProjectAutomation, ReadLoad } from "./contract.ts";
import { mergedProject, restoredProject } from "./kept-project.ts";
import { scheduleOf } from "./schedule.ts";
import { ScheduledService, type ScheduleRecord } from "./scheduled-service.ts";

interface Parts {
  engine: ComposeEngine;
  store: StateStore;
  readLoad: ReadLoad;
  log: AutomationLog;
}

/** The services of a project that something is done for. */
interface LiveProject {
  schedules: Map<string, ScheduledService>;
  autoscales: Map<string, AutoscaledService>;
}

export class StoredAutomation implements ProjectAutomation {
  readonly #live = new Map<string, LiveProject>();
  /** Until when projects are held, in Unix milliseconds. */
  readonly #holds = new Map<string, number>();
  readonly #projects: Collection<KeptProject>;
  readonly #schedules: Collection<ScheduleRecord>;
  readonly #scalings: Collection<ScalingRecord>;

  constructor(private readonly parts: Parts) {
    this.#projects = parts.store.collection("compose-projects");
    this.#schedules = parts.store.collection("compose-schedules");
    this.#scalings = parts.store.collection("compose-scalings");
  }

  /** Takes up what was registered before the daemon started. */
  start(): void {
    for (const project of this.#projects.values()) this.#live.set(project.name, this.#begin(project));
  }

  /** Lets go of timers; what runs goes on. */
  stop(): void {
    for (const live of this.#live.values()) end(live);
    this.#live.clear();
  }

  async register(project: KeptProject, { isPartial }: { isPartial: boolean }): Promise<void> {
    const kept = isPartial ? mergedProject(this.#projects.get(project.name), project) : project;
    this.#holds.delete(project.name);
    const before = this.#live.get(project.name);
    // What was measured and what is under way goes on.
    if (before !== undefined && Bun.deepEquals(kept, this.#projects.get(project.name))) return;
    const live = this.#begin(kept, before);
    this.#live.set(project.name, live);
    await this.#projects.put(project.name, kept);
    await this.#dropRecords(project.name, live);
  }

  async hold(project: string, seconds: number): Promise<void> {
    if (seconds === 0) this.#holds.delete(project);
    else this.#holds.set(project, Date.now() + seconds * 1000);
    await this.#settle(project);
  }

  async forget(name: string): Promise<void> {
    const live = this.#live.get(name);
    if (live !== undefined) end(live);
    await this.#settle(name);
    this.#live.delete(name);
    this.#holds.delete(name);
    if (this.#projects.has(name)) await this.#projects.delete(name);
    await this.#dropRecords(name, { schedules: new Map(), autoscales: new Map() });
  }

  status(project?: string): AutomationStatus {
    const chosen = [...this.#live].filter(([name]) => project === undefined || name === project);
    const byName = (a: { project: string; service: string }, b: typeof a) =>
      `${a.project}/${a.service}` < `${b.project}/${b.service}` ? -1 : 1;
    const schedules = chosen.flatMap(([, live]) => [...live.schedules.values()]).map((one) => one.status());
    const autoscales = chosen.flatMap(([, live]) => [...live.autoscales.values()]).map((one) => one.status());
    return { schedules: schedules.sort(byName), autoscales: autoscales.sort(byName) };
  }

  async runNow(project: string, service: string): Promise<void> {
    const schedule = this.#live.get(project)?.schedules.get(service);
    if (schedule === undefined) {
      throw new NaruError(
        "not-found",
        `service ${service} of project ${project} has no schedule here: was it brought up?`,
      );
    }
    await schedule.runNow();
  }

  /** @throws {NaruError} invalid: then nothing was changed */
  #begin(kept: KeptProject, before?: LiveProject): LiveProject {
    const project = restoredProject(kept);
    const { engine, log, readLoad } = this.parts;
    const onGone = () => void this.forget(kept.name);
    const live: LiveProject = { schedules: new Map(), autoscales: new Map() };
    for (const [name, tree] of Object.entries(kept.trees)) {
      const schedule = scheduleOf(name, tree);
      const autoscale = autoscaleOf(name, tree);
      const records = { schedule: this.#schedules, scaling: this.#scalings };
      if (schedule) {
        const parts = { engine, log, onGone, records: records.schedule };
        live.schedules.set(name, new ScheduledService(parts, project, name, schedule));
      }
      if (autoscale) {
        const isHeld = () => (this.#holds.get(kept.name) ?? 0) > Date.now();
        const parts = { engine, log, onGone, isHeld, readLoad, records: records.scaling };
        live.autoscales.set(name, new AutoscaledService(parts, project, name, autoscale));
      }
    }
    if (before !== undefined) end(before);
    for (const one of [...live.schedules.values(), ...live.autoscales.values()]) one.start();
    return live;
  }

  /** Waits for what is being scaled. */
  async #settle(project: string): Promise<void> {
    await Promise.all([...(this.#live.get(project)?.autoscales.values() ?? [])].map((one) => one.settled()));
  }

  /** Histories of services that nothing is done for any more. */
  async #dropRecords(project: string, { schedules, autoscales }: LiveProject): Promise<void> {
    const stale = <R extends { project: string; service: string }>(
      records: Collection<R>,
      known: Map<string, unknown>,
    ) => [...records.entries()].filter(([, record]) => record.project === project && !known.has(record.service));
    await Promise.all([
      ...stale(this.#schedules, schedules).map(([key]) => this.#schedules.delete(key)),
      ...stale(this.#scalings, autoscales).map(([key]) => this.#scalings.delete(key)),
    ]);
  }
}

function end({ schedules, autoscales }: LiveProject): void {
  for (const one of [...schedules.values(), ...autoscales.values()]) one.stop();
}
