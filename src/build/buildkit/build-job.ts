/** A build under the name that the client gave it: what has happened so far, for whoever asks, from the beginning. */
import type { BuildEvent, BuildStep, BuildWarning } from "../contract.ts";
import { type StatusResponse, statusResponse, type Timestamp } from "./messages.ts";

/** Events are gathered for this long, so that a busy build sends fewer messages. */
const GATHER_MS = 40;
/** Small enough for a message of gRPC, large enough that a long build has few. */
const EVENTS_A_MESSAGE = 100;
/** Of a step, as BuildKit clips it. */
const KEPT_LOG_BYTES = 2 * 1024 * 1024;
const LANGUAGE = "Dockerfile";

export class BuildJob {
  readonly createdAt = Date.now();
  completedAt: number | undefined;
  private readonly events: StatusResponse[] = [];
  private waiting: Set<() => void> = new Set();
  private isEnded = false;
  private warnings = 0;
  private readonly steps = new Map<string, BuildStep>();

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
    const events = clipLogs(this.events);
    for (let at = 0; at < events.length; at += EVENTS_A_MESSAGE) {
      const message = statusResponse.encode(merge(events.slice(at, at + EVENTS_A_MESSAGE)));
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
    this.events.push(told);
    this.wakeAll();
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
    let next = 0;
    while (!signal.aborted) {
      if (next < this.events.length) {
        const gathered = merge(this.events.slice(next));
        next = this.events.length;
        yield gathered;
        if (!this.isEnded) await Bun.sleep(GATHER_MS);
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

/** Without what a step said after so much that nobody reads it; a line tells of it. */
function clipLogs(events: readonly StatusResponse[]): StatusResponse[] {
  const said = new Map<string, number>();
  const clip = (log: StatusResponse["logs"][number]): StatusResponse["logs"] => {
    const before = said.get(log.vertex) ?? 0;
    said.set(log.vertex, before + log.msg.length);
    if (before > KEPT_LOG_BYTES) return [];
    if (before + log.msg.length <= KEPT_LOG_BYTES) return [log];
    return [{ ...log, msg: Buffer.from(`\n[the history keeps ${KEPT_LOG_BYTES} bytes of a step's output]\n`) }];
  };
  return events.map((event) => (event.logs.length === 0 ? event : { ...event, logs: event.logs.flatMap(clip) }));
}

function merge(parts: StatusResponse[]): StatusResponse {
  return {
    vertexes: parts.flatMap(({ vertexes }) => vertexes),
    statuses: parts.flatMap(({ statuses }) => statuses),
    logs: parts.flatMap(({ logs }) => logs),
    warnings: parts.flatMap(({ warnings }) => warnings),
  };
}

type Source = { name: string; text: Uint8Array } | undefined;

function statusOf(event: BuildEvent, source: Source): StatusResponse | undefined {
  const none: StatusResponse = { vertexes: [], statuses: [], logs: [], warnings: [] };
  switch (event.type) {
    case "step":
      return { ...none, vertexes: [vertexOf(event.step)] };
    case "progress":
      return {
        ...none,
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
      return { ...none, logs: [{ vertex: event.step, timestamp: timestamp(event.at), stream, msg: event.data }] };
    }
    case "warning":
      return { ...none, warnings: [warningOf(event.step, event.warning, source)] };
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
