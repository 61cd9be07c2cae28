/** A build under the name that the client gave it: what has happened so far, for whoever asks, from the beginning. */
import type { BuildEvent, BuildStep, BuildWarning } from "../contract.ts";
import { type StatusResponse, statusResponse, type Timestamp } from "./messages.ts";
import { batchFrom, LogLimit, merged } from "./status-batches.ts";

/** Events are gathered for this long, so that a busy build sends fewer messages. */
const GATHER_MS = 40;
/** Of a step's output, as much as is in memory for whoever asks. BuildKit shows 2 MiB. */
const SHOWN_LOG_BYTES = 16 * 1024 * 1024;
/** Of a step's output, as much as the history keeps, as BuildKit does. */
const KEPT_LOG_BYTES = 2 * 1024 * 1024;
const LANGUAGE = "Dockerfile";
const NOTHING: StatusResponse = { vertexes: [], statuses: [], logs: [], warnings: [] };

export class BuildJob {
  readonly createdAt = Date.now();
  completedAt: number | undefined;
  private readonly events: StatusResponse[] = [];
  private waiting: Set<() => void> = new Set();
  /** Who hears the status: until they have it, or leave. */
  private readonly listening = new Set<Promise<void>>();
  private isEnded = false;
  private warnings = 0;
  private readonly steps = new Map<string, BuildStep>();
  private readonly limit = new LogLimit(
    SHOWN_LOG_BYTES,
    `the builder shows ${SHOWN_LOG_BYTES} bytes of a step's output`,
  );
  /** Where the last event of each transfer is: of those before it nobody needs to hear. */
  private readonly transfers = new Map<string, number>();

  constructor(
    readonly ref: string,
    /** Text of the Dockerfile, for the places of warnings. */
    private source: { name: string; text: Uint8Array } | undefined = undefined,
  ) {}

  setSource(source: { name: string; text: Uint8Array }): void {
    this.source = source;
  }

  get counts(): { cached: number; completed: number; total: number; warnings: number } {
    const steps = [...this.steps.values()];
    return {
      cached: steps.filter(({ cached }) => cached).length,
      completed: steps.filter(({ completedAt }) => completedAt !== undefined).length,
      total: steps.length,
      warnings: this.warnings,
    };
  }

  listSteps(): BuildStep[] {
    return [...this.steps.values()];
  }

  /**
   * Everything that was told, each message behind its length (32 bits, the lowest first), as BuildKit keeps it. Of a step's
   * output the beginning.
   */
  encodedStatuses(): Uint8Array {
    const parts: Uint8Array[] = [];
    const limit = new LogLimit(KEPT_LOG_BYTES, `the history keeps ${KEPT_LOG_BYTES} bytes of a step's output`);
    const events = this.events.map((event) => limit.pass(event));
    for (let at = 0; at < events.length; ) {
      const batch = batchFrom(events, at);
      at += batch.length;
      const message = statusResponse.encode(merged(batch));
      const length = Buffer.alloc(4);
      length.writeUInt32LE(message.length);
      parts.push(length, message);
    }
    return Buffer.concat(parts);
  }

  take(event: BuildEvent): void {
    if (event.type === "step") this.steps.set(event.step.digest, event.step);
    if (event.type === "warning") this.warnings += 1;
    const told = statusOf(event.type === "warning" ? this.atDefinition(event) : event, this.source);
    if (told === undefined) return;
    const shown = this.limit.pass(told);
    if (event.type === "log" && shown.logs.length === 0) return;
    if (event.type === "progress") this.forgetBefore(`${event.step} ${event.id}`);
    this.events.push(shown);
    this.wakeAll();
  }

  private forgetBefore(transfer: string): void {
    const before = this.transfers.get(transfer);
    if (before !== undefined) this.events[before] = NOTHING;
    this.transfers.set(transfer, this.events.length);
  }

  /** Clients show warnings with the step that loaded the Dockerfile. */
  private atDefinition(event: BuildEvent & { type: "warning" }): BuildEvent {
    const steps = [...this.steps.values()];
    const definition = steps.find(({ name }) => name.startsWith("[internal] load build definition"));
    return definition ? { ...event, step: definition.digest } : event;
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.completedAt = Date.now();
    this.wakeAll();
  }

  /** Everything so far, then what comes, until the build ends. */
  async *status(signal: AbortSignal): AsyncGenerator<StatusResponse> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.listening.add(promise);
    try {
      yield* this.batches(signal);
    } finally {
      this.listening.delete(promise);
      resolve();
    }
  }

  /** Resolves when all who listen have taken everything of a build that is over, or have left; or when the signal says so. */
  async heard(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const leave = () => resolve();
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    await Promise.race([Promise.all(this.listening), promise]);
    signal.removeEventListener("abort", leave);
  }

  private async *batches(signal: AbortSignal): AsyncGenerator<StatusResponse> {
    let next = 0;
    while (!signal.aborted) {
      if (next < this.events.length) {
        const batch = batchFrom(this.events, next);
        next += batch.length;
        yield merged(batch);
        if (next === this.events.length && !this.isEnded) await Bun.sleep(GATHER_MS);
      } else if (this.isEnded) return;
      else await this.change(signal);
    }
  }

  private async change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.waiting.add(resolve);
    const leave = () => resolve();
    signal.addEventListener("abort", leave, { once: true });
    await promise;
    signal.removeEventListener("abort", leave);
    this.waiting.delete(resolve);
  }

  private wakeAll(): void {
    for (const wake of this.waiting) wake();
    this.waiting = new Set();
  }
}

type Source = { name: string; text: Uint8Array } | undefined;

function statusOf(event: BuildEvent, source: Source): StatusResponse | undefined {
  switch (event.type) {
    case "step":
      return { ...NOTHING, vertexes: [vertexOf(event.step)] };
    case "progress":
      return {
        ...NOTHING,
        statuses: [
          {
            ID: event.id,
            vertex: event.step,
            name: event.name,
            current: event.current,
            total: event.total,
            timestamp: timestamp(Date.now()),
            started: timestamp(event.startedAt),
            ...(event.completedAt === undefined ? {} : { completed: timestamp(event.completedAt) }),
          },
        ],
      };
    case "log": {
      const stream = event.stream === "stdout" ? 1 : 2;
      return { ...NOTHING, logs: [{ vertex: event.step, timestamp: timestamp(event.at), stream, msg: event.data }] };
    }
    case "warning":
      return { ...NOTHING, warnings: [warningOf(event.step, event.warning, source)] };
    default:
      return undefined;
  }
}

function vertexOf(step: BuildStep): StatusResponse["vertexes"][number] {
  return {
    digest: step.digest,
    inputs: step.inputs,
    name: step.name,
    cached: step.cached,
    ...(step.startedAt === undefined ? {} : { started: timestamp(step.startedAt) }),
    ...(step.completedAt === undefined ? {} : { completed: timestamp(step.completedAt) }),
    error: step.error ?? "",
  };
}

function warningOf(vertex: string, warning: BuildWarning, source: Source): StatusResponse["warnings"][number] {
  const line = warning.ranges[0]?.start.line;
  const place = line === undefined ? "" : ` (line ${line})`;
  return {
    vertex,
    level: 1,
    short: Buffer.from(`${warning.rule}: ${warning.short}${place}`),
    detail: warning.detail.map((text) => Buffer.from(text)),
    url: warning.url,
    ...(source === undefined ? {} : { info: { filename: warning.file, data: source.text, language: LANGUAGE } }),
    ranges: warning.ranges.map(wireRange),
  };
}

export function wireRange({ start, end }: BuildWarning["ranges"][number]) {
  return {
    start: { line: start.line, character: start.column },
    end: { line: end.line, character: end.column },
  };
}

/** From milliseconds since 1970, with fractions. */
export function timestamp(milliseconds: number): Timestamp {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanos: Math.round((milliseconds - seconds * 1000) * 1e6) };
}
