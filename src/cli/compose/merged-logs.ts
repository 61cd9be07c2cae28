import type { OutputChunk } from "../../compose/contract.ts";

/** A line of a log that was asked for with times. */
export interface TimedLine {
  name: string;
  stream: 1 | 2;
  /** RFC 3339 with nanoseconds. */
  time: string;
  text: string;
}

/** The lines of several logs in the order of their times. Each log must have been asked for with times. */
export async function* mergedLogs(
  logs: ReadonlyMap<string, AsyncIterable<OutputChunk>>,
): AsyncGenerator<TimedLine, void, undefined> {
  const sources = [...logs].map(([name, chunks]) => timedLines(name, chunks));
  const first = await Promise.all(sources.map(async (lines) => ({ lines, next: await lines.next() })));
  const heads = first.filter(({ next }) => !next.done);
  while (heads.length > 0) {
    let earliest = 0;
    for (let index = 1; index < heads.length; index++) {
      if (timeOf(heads[index]!) < timeOf(heads[earliest]!)) earliest = index;
    }
    const head = heads[earliest]!;
    if (!head.next.done) yield head.next.value;
    head.next = await head.lines.next();
    if (head.next.done) heads.splice(earliest, 1);
  }
}

function timeOf({ next }: { next: IteratorResult<TimedLine, void> }): string {
  return next.done ? "" : next.value.time;
}

async function* timedLines(name: string, chunks: AsyncIterable<OutputChunk>): AsyncGenerator<TimedLine, void> {
  const open = { 1: { decoder: new TextDecoder(), rest: "" }, 2: { decoder: new TextDecoder(), rest: "" } };
  for await (const { stream, bytes } of chunks) {
    const state = open[stream];
    const lines = (state.rest + state.decoder.decode(bytes, { stream: true })).split("\n");
    state.rest = lines.pop()!;
    for (const line of lines) yield timedLine(name, stream, line);
  }
  for (const stream of [1, 2] as const) if (open[stream].rest !== "") yield timedLine(name, stream, open[stream].rest);
}

function timedLine(name: string, stream: 1 | 2, line: string): TimedLine {
  const space = line.indexOf(" ");
  const time = space < 0 ? line : line.slice(0, space);
  return { name, stream, time, text: space < 0 ? "" : line.slice(space + 1) };
}
