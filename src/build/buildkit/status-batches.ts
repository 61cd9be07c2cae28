/** Statuses of a build in pieces that clients take: a message of gRPC has a limit, and what steps say has none. */
import type { StatusResponse } from "./messages.ts";

/** Clients take 16 MiB. The last event of a batch may be larger than what is left. */
const BATCH_BYTES = 1024 * 1024;
const BATCH_EVENTS = 500;

type Log = StatusResponse["logs"][number];

/** Lets the beginning of each step's output pass; a line tells where it ends. */
export class LogLimit {
  private readonly said = new Map<string, number>();

  constructor(
    /** Of each step. */
    private readonly bytes: number,
    private readonly words: string,
  ) {}

  /** The event, without logs that are too much. */
  pass(event: StatusResponse): StatusResponse {
    return event.logs.length === 0 ? event : { ...event, logs: event.logs.flatMap((log) => this.passLog(log)) };
  }

  private passLog(log: Log): Log[] {
    const before = this.said.get(log.vertex) ?? 0;
    if (before > this.bytes) return [];
    this.said.set(log.vertex, before + log.msg.length);
    if (before + log.msg.length <= this.bytes) return [log];
    return [{ ...log, msg: Buffer.from(`\n[${this.words}]\n`) }];
  }
}

/** As many events from `start` on as go into one message. */
export function batchFrom(events: readonly StatusResponse[], start: number): readonly StatusResponse[] {
  let bytes = 0;
  let end = start;
  while (end < events.length && end - start < BATCH_EVENTS && bytes < BATCH_BYTES) {
    const { logs, warnings } = events[end]!;
    for (const { msg } of logs) bytes += msg.length;
    for (const { info } of warnings) bytes += info?.data.length ?? 0;
    end += 1;
  }
  return events.slice(start, end);
}

/** One message of several events. */
export function merged(events: readonly StatusResponse[]): StatusResponse {
  return {
    vertexes: events.flatMap(({ vertexes }) => vertexes),
    statuses: events.flatMap(({ statuses }) => statuses),
    logs: events.flatMap(({ logs }) => logs),
    warnings: events.flatMap(({ warnings }) => warnings),
  };
}
