/** One JSON object a line, in the shape of BuildKit's status messages. */
import type { BuildStep, BuildWarning } from "../../../model/build.ts";
import type { WireEvent } from "../../../model/build-exchange.ts";
import { BuildState, warningText } from "./build-state.ts";

export class RawJsonProgress {
  readonly state = new BuildState();

  constructor(private readonly write: (text: string) => void) {}

  take(events: readonly WireEvent[]): void {
    const status: Record<string, unknown[]> = {};
    const add = (kind: string, value: unknown) => {
      status[kind] = [...(status[kind] ?? []), value];
    };
    for (const event of events) {
      this.state.take(event);
      if (event.type === "step") add("vertexes", vertexOf(event.step));
      else if (event.type === "progress") add("statuses", statusOf(event));
      else if (event.type === "log") add("logs", logOf(event));
      else if (event.type === "warning") add("warnings", warningOf(event.step, event.warning));
    }
    if (Object.keys(status).length > 0) this.write(`${JSON.stringify(status)}\n`);
  }

  finish(): void {
    // Everything is told already.
  }
}

function vertexOf({ digest, inputs, name, startedAt, completedAt, cached, error }: BuildStep) {
  return {
    digest,
    ...(inputs.length > 0 ? { inputs } : {}),
    name,
    ...(startedAt === undefined ? {} : { started: time(startedAt) }),
    ...(completedAt === undefined ? {} : { completed: time(completedAt) }),
    ...(cached ? { cached } : {}),
    ...(error === undefined ? {} : { error }),
  };
}

function statusOf({
  id,
  step,
  name,
  current,
  total,
  startedAt,
  completedAt,
}: Extract<WireEvent, { type: "progress" }>) {
  return {
    id,
    vertex: step,
    name,
    ...(total > 0 ? { total } : {}),
    current,
    timestamp: time(Date.now()),
    started: time(startedAt),
    ...(completedAt === undefined ? {} : { completed: time(completedAt) }),
  };
}

function logOf(event: Extract<WireEvent, { type: "log" }>) {
  const data = "text" in event ? Buffer.from(event.text).toString("base64") : event.base64;
  return { vertex: event.step, stream: event.stream === "stdout" ? 1 : 2, data, timestamp: time(event.at) };
}

function warningOf(vertex: string, warning: BuildWarning) {
  const { detail, url, ranges } = warning;
  return {
    vertex,
    level: 1,
    short: Buffer.from(warningText(warning)).toString("base64"),
    detail: detail.map((text) => Buffer.from(text).toString("base64")),
    ...(url === "" ? {} : { url }),
    range: ranges.map(({ start, end }) => ({ start: { line: start.line }, end: { line: end.line } })),
  };
}

/** RFC 3339 with the fractions that a number of milliseconds holds. */
function time(milliseconds: number): string {
  const whole = Math.floor(milliseconds);
  const micros = Math.round((milliseconds - whole) * 1000);
  const iso = new Date(whole).toISOString();
  return micros === 0 ? iso : `${iso.slice(0, -1)}${String(Math.min(999, micros)).padStart(3, "0")}Z`;
}
