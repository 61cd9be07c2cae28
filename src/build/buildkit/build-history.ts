/**
 * The builds of BuildKit clients as `buildx history` shows them: those under way, and the last ones, which are records of the
 * daemon's state with their logs, traces and provenance in files beside it.
 */
import { errorText, NaruError } from "../../lib/errors.ts";
import { Slots } from "../../lib/slots.ts";
import type { Collection, StateStore } from "../../store/contract.ts";
import type { BuildResult } from "../contract.ts";
import type { GrpcError } from "../grpc/grpc-error.ts";
import { type BuildJob, timestamp } from "./build-job.ts";
import { traceOf } from "./build-trace.ts";
import type { FrontendAttributes } from "./frontend-attributes.ts";
import { HistoryFiles } from "./history-files.ts";
import { commonRecord, type KeptBuild, recordOf } from "./history-records.ts";
import { type Attributes, type HistoryRecord, rpcStatus } from "./messages.ts";

const KEPT_BUILDS = 50;
const MAX_ATTRIBUTES = 1000;
const MAX_VALUE_LENGTH = 4096;
const HISTORY_EVENT = { started: 0, complete: 1, deleted: 2 } as const;
/** Media types of BuildKit's history (solver/llbsolver/history.go there). */
const MEDIA = {
  status: "application/vnd.buildkit.status.v0",
  trace: "application/vnd.buildkit.otlp.json.v0",
  error: "application/vnd.googeapis.google.rpc.status+proto",
  statement: "application/vnd.in-toto+json",
} as const;

export interface HistoryEvent {
  type: number;
  record: HistoryRecord;
}

/** A build under way, told how it goes. */
export class ActiveBuild {
  private readonly saved = Promise.withResolvers<void>();
  private isOver = false;

  constructor(
    readonly job: BuildJob,
    readonly frontend: string,
    private attributes: FrontendAttributes,
    readonly exporters: readonly Attributes[],
    private readonly history: BuildHistory,
  ) {}

  get ref(): string {
    return this.job.ref;
  }

  /** What a client that leads the build over the gateway wants built. */
  describe(attributes: FrontendAttributes): void {
    this.attributes = attributes;
  }

  /** `result` is undefined when the client wanted nothing built. */
  complete(response: Record<string, string>, result: BuildResult | undefined): void {
    this.end({ response, provenance: result?.provenance });
  }

  fail(error: GrpcError): void {
    this.end({ response: {}, error });
  }

  /** Resolves when it is kept. */
  settled(): Promise<void> {
    return this.saved.promise;
  }

  record(): HistoryRecord {
    const { job } = this;
    return {
      ...commonRecord(this.frontend, this.attributes, this.exporters, job.counts),
      Ref: job.ref,
      CreatedAt: timestamp(job.createdAt),
      ExporterResponse: {},
      pinned: false,
    };
  }

  kept(completedAt: number): Omit<KeptBuild, "response" | "logs" | "trace" | "attestations"> {
    const { job, ref, frontend, attributes, exporters } = this;
    const { createdAt, counts } = job;
    return {
      ref,
      frontend,
      attributes: clipped(attributes),
      exporters,
      createdAt,
      completedAt,
      counts,
      isPinned: false,
    };
  }

  /** What came first counts: a client may leave before it has its answer. */
  private end(outcome: Parameters<BuildHistory["keep"]>[1]): void {
    if (this.isOver) return;
    this.isOver = true;
    void this.history.keep(this, outcome).then(this.saved.resolve);
  }
}

/** Every record is in memory: values of a size that nobody reads are kept in part. */
function clipped(attributes: FrontendAttributes): FrontendAttributes {
  const entries = Object.entries(attributes).slice(0, MAX_ATTRIBUTES);
  return Object.fromEntries(entries.map(([name, value]) => [name, value.slice(0, MAX_VALUE_LENGTH)]));
}

function predicateIn(statement: object): unknown {
  return "predicate" in statement ? statement.predicate : statement;
}

interface HistoryParts {
  store: StateStore;
  /** Where the files of builds lie. */
  directory: string;
  log: { error(message: string, fields?: Record<string, unknown>): void };
}

export class BuildHistory {
  readonly files: HistoryFiles;
  private readonly builds: Collection<KeptBuild>;
  private readonly active = new Map<string, ActiveBuild>();
  private readonly listeners = new Set<(event: HistoryEvent) => void>();
  private readonly saving = new Set<Promise<void>>();
  /** Files of a build that is being kept must not go with those that no build has: one after the other. */
  private readonly turn = new Slots(() => 1);

  constructor(private readonly parts: HistoryParts) {
    this.files = new HistoryFiles(parts.directory);
    this.builds = parts.store.collection("build-history");
  }

  begin(
    job: BuildJob,
    frontend: string,
    attributes: FrontendAttributes,
    exporters: readonly Attributes[],
  ): ActiveBuild {
    const build = new ActiveBuild(job, frontend, attributes, exporters, this);
    this.active.set(job.ref, build);
    this.tell({ type: HISTORY_EVENT.started, record: build.record() });
    return build;
  }

  /** The newest first. */
  list(): HistoryEvent[] {
    const active = [...this.active.values()].map((build) => ({ type: HISTORY_EVENT.started, record: build.record() }));
    const kept = this.newestFirst().map((build) => ({ type: HISTORY_EVENT.complete, record: recordOf(build) }));
    return [...active.reverse(), ...kept];
  }

  /** What was told of a build that is over: statuses, each behind its length (32 bits, the lowest first). */
  findLog(ref: string): AsyncIterable<Uint8Array> | undefined {
    const build = this.builds.get(ref);
    return build && this.files.read(build.logs.digest);
  }

  /** @throws {NaruError} not-found; conflict when it is still under way */
  async remove(ref: string): Promise<void> {
    if (this.active.has(ref)) throw new NaruError("conflict", `the build ${ref} is still under way`);
    await this.inTurn(async () => {
      const build = this.get(ref);
      await this.builds.delete(ref);
      await this.dropFiles();
      this.tell({ type: HISTORY_EVENT.deleted, record: recordOf(build) });
    });
  }

  /** @throws {NaruError} not-found */
  async pin(ref: string, isPinned: boolean): Promise<void> {
    await this.builds.put(ref, { ...this.get(ref), isPinned });
  }

  /** Resolves when all that is to be known of a build is there. @throws {NaruError} not-found */
  async finalize(ref: string): Promise<void> {
    await this.active.get(ref)?.settled();
    this.get(ref);
  }

  /** Hears of what changes from now on, until the answer is called. */
  listen(listener: (event: HistoryEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** A build is over. Never rejects: that it cannot be kept is no failure of the build. */
  keep(
    build: ActiveBuild,
    end: { response: Record<string, string>; error?: GrpcError; provenance?: BuildResult["provenance"] },
  ): Promise<void> {
    build.job.end();
    const work = this.inTurn(() => this.save(build, end))
      .catch((error) => this.parts.log.error("cannot keep a build in the history", { error: errorText(error) }))
      .finally(() => {
        this.active.delete(build.ref);
        this.saving.delete(work);
      });
    this.saving.add(work);
    return work;
  }

  /** Resolves when what is over is kept. */
  async close(): Promise<void> {
    await Promise.all(this.saving);
  }

  private async save(active: ActiveBuild, { response, error, provenance }: Parameters<BuildHistory["keep"]>[1]) {
    const { job } = active;
    const made = provenance?.();
    const [logs, trace, attestations, externalError] = await Promise.all([
      this.files.add(MEDIA.status, job.encodedStatuses()),
      this.files.add(MEDIA.trace, traceOf(job, error?.message)),
      Promise.all(
        (made ? [made] : []).map(({ predicateType, statement }) =>
          // Clients take the predicate for the whole.
          this.files.add(MEDIA.statement, Buffer.from(JSON.stringify(predicateIn(statement))), {
            "in-toto.io/predicate-type": predicateType,
          }),
        ),
      ),
      error &&
        this.files.add(MEDIA.error, error.details ?? rpcStatus.encode({ code: error.code, message: error.message })),
    ]);
    const build: KeptBuild = {
      ...active.kept(job.completedAt ?? Date.now()),
      response,
      logs,
      trace,
      attestations,
      ...(error ? { error: { code: error.code, message: error.message } } : {}),
      ...(externalError ? { externalError } : {}),
    };
    const written = this.builds.put(build.ref, build);
    // Seen at once: so it leaves the other list at once.
    this.active.delete(build.ref);
    this.tell({ type: HISTORY_EVENT.complete, record: recordOf(build) });
    await written;
    await this.trim();
  }

  private async inTurn(work: () => Promise<void>): Promise<void> {
    const leave = await this.turn.take();
    try {
      await work();
    } finally {
      leave();
    }
  }

  private get(ref: string): KeptBuild {
    const build = this.builds.get(ref);
    if (!build) throw new NaruError("not-found", `failed to load history record ${ref}: not found`);
    return build;
  }

  private newestFirst(): KeptBuild[] {
    return [...this.builds.values()].sort((a, b) => b.createdAt - a.createdAt);
  }

  private tell(event: HistoryEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  private async trim(): Promise<void> {
    const spare = this.newestFirst().slice(KEPT_BUILDS);
    const dropped = spare.filter(({ isPinned }) => !isPinned);
    if (dropped.length === 0) return;
    for (const { ref } of dropped) await this.builds.delete(ref);
    await this.dropFiles();
  }

  /** Removes files that no build has. */
  private async dropFiles(): Promise<void> {
    const kept = [...this.builds.values()].flatMap(({ logs, trace, externalError, attestations }) => [
      logs,
      trace,
      ...(externalError ? [externalError] : []),
      ...attestations,
    ]);
    await this.files.keepOnly(new Set(kept.map(({ digest }) => digest)));
  }
}
