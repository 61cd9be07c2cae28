/** The builds of this daemon's life as `buildx history` shows them: the last ones, and those under way. */
import { NaruError } from "../../lib/errors.ts";
import type { GrpcError } from "../grpc/grpc-error.ts";
import { type BuildJob, timestamp } from "./build-job.ts";
import type { FrontendAttributes } from "./frontend-attributes.ts";
import type { Attributes, HistoryRecord } from "./messages.ts";

const KEPT_BUILDS = 50;

const HISTORY_EVENT = { started: 0, complete: 1, deleted: 2 } as const;

export interface HistoryEvent {
  type: number;
  record: HistoryRecord;
}

/** A build in the history, told how it goes. */
export class HistoryEntry {
  isPinned = false;
  isDeleted = false;
  private outcome: Pick<HistoryRecord, "ExporterResponse" | "error"> = { ExporterResponse: {} };
  private isComplete = false;

  constructor(
    private readonly job: BuildJob,
    private readonly frontend: string,
    private attributes: FrontendAttributes,
    private readonly exporters: readonly Attributes[],
    private readonly onChange: (entry: HistoryEntry) => void,
  ) {}

  get ref(): string {
    return this.job.ref;
  }

  get isActive(): boolean {
    return !this.isComplete;
  }

  /** What a client that leads the build over the gateway wants built. */
  describe(attributes: FrontendAttributes): void {
    this.attributes = attributes;
  }

  complete(response: Record<string, string>): void {
    this.end({ ExporterResponse: response });
  }

  fail({ code, message }: GrpcError): void {
    this.end({ ExporterResponse: {}, error: { code, message, details: [] } });
  }

  event(): HistoryEvent {
    const type = this.isDeleted
      ? HISTORY_EVENT.deleted
      : this.isActive
        ? HISTORY_EVENT.started
        : HISTORY_EVENT.complete;
    return { type, record: this.record() };
  }

  private record(): HistoryRecord {
    const { job } = this;
    const { cached, completed, total, warnings } = job.counts;
    return {
      Ref: job.ref,
      Frontend: this.frontend || "dockerfile.v0",
      FrontendAttrs: { ...this.attributes },
      Exporters: [...this.exporters],
      CreatedAt: timestamp(job.createdAt),
      ...(job.completedAt === undefined ? {} : { CompletedAt: timestamp(job.completedAt) }),
      ...this.outcome,
      pinned: this.isPinned,
      numCachedSteps: cached,
      numCompletedSteps: completed,
      numTotalSteps: total,
      numWarnings: warnings,
    };
  }

  private end(outcome: HistoryEntry["outcome"]): void {
    if (this.isComplete) return;
    this.outcome = outcome;
    this.isComplete = true;
    this.job.end();
    this.onChange(this);
  }
}

export class BuildHistory {
  private readonly entries = new Map<string, HistoryEntry>();
  private readonly listeners = new Set<(event: HistoryEvent) => void>();

  begin(
    job: BuildJob,
    frontend: string,
    attributes: FrontendAttributes,
    exporters: readonly Attributes[],
  ): HistoryEntry {
    const entry = new HistoryEntry(job, frontend, attributes, exporters, (changed) => this.tell(changed));
    this.entries.set(job.ref, entry);
    this.trim();
    this.tell(entry);
    return entry;
  }

  /** The newest first. */
  list(): HistoryEntry[] {
    return [...this.entries.values()].reverse();
  }

  /** @throws {NaruError} not-found; conflict when it is still under way */
  remove(ref: string): void {
    const entry = this.get(ref);
    if (entry.isActive) throw new NaruError("conflict", `the build ${ref} is still under way`);
    this.entries.delete(ref);
    entry.isDeleted = true;
    this.tell(entry);
  }

  /** @throws {NaruError} not-found */
  pin(ref: string, isPinned: boolean): void {
    this.get(ref).isPinned = isPinned;
  }

  /** @throws {NaruError} not-found */
  get(ref: string): HistoryEntry {
    const entry = this.entries.get(ref);
    if (!entry) throw new NaruError("not-found", `failed to load history record ${ref}: not found`);
    return entry;
  }

  /** Hears of what changes from now on, until the answer is called. */
  listen(listener: (event: HistoryEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private tell(entry: HistoryEntry): void {
    const event = entry.event();
    for (const listener of this.listeners) listener(event);
  }

  private trim(): void {
    for (const [ref, { isActive, isPinned }] of this.entries) {
      if (this.entries.size <= KEPT_BUILDS) return;
      if (!isActive && !isPinned) this.entries.delete(ref);
    }
  }
}
