/** Figures of the API server itself, in Prometheus' text format. */
import type { Core } from "../machinery/core.ts";
import { qualifiedResource } from "../machinery/definition.ts";

/** Upper ends of the classes of durations, seconds. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 5, 30];

interface Count {
  total: number;
  seconds: number;
  /** How many took at most BUCKETS[i]. */
  within: number[];
}

/** How many requests there were, by verb and code of the answer. */
export class RequestCounts {
  readonly #counts = new Map<string, Count>();

  add(verb: string, code: number, durationMs: number): void {
    const key = `verb="${verb}",code="${code}"`;
    const count = this.#counts.get(key) ?? { total: 0, seconds: 0, within: BUCKETS.map(() => 0) };
    const seconds = durationMs / 1000;
    count.total++;
    count.seconds += seconds;
    for (const [index, end] of BUCKETS.entries()) if (seconds <= end) count.within[index]!++;
    this.#counts.set(key, count);
  }

  *lines(): Generator<string> {
    yield "# TYPE apiserver_request_total counter";
    for (const [labels, { total }] of this.#counts) yield `apiserver_request_total{${labels}} ${total}`;
    yield "# TYPE apiserver_request_duration_seconds histogram";
    for (const [labels, { total, seconds, within }] of this.#counts) {
      const name = "apiserver_request_duration_seconds";
      for (const [index, end] of BUCKETS.entries()) yield `${name}_bucket{${labels},le="${end}"} ${within[index]}`;
      yield `${name}_bucket{${labels},le="+Inf"} ${total}`;
      yield `${name}_sum{${labels}} ${seconds}`;
      yield `${name}_count{${labels}} ${total}`;
    }
  }
}

export async function metricsText({ state, registry }: Core, counts: RequestCounts): Promise<string> {
  const { rss } = process.memoryUsage();
  const lines = [
    ...counts.lines(),
    "# TYPE apiserver_storage_objects gauge",
    ...registry
      .all()
      .map(
        ({ type }) =>
          `apiserver_storage_objects{resource="${qualifiedResource(type)}"} ${state.kind(type).list().length}`,
      ),
    "# TYPE apiserver_storage_size_bytes gauge",
    `apiserver_storage_size_bytes ${await state.store.size()}`,
    "# TYPE process_resident_memory_bytes gauge",
    `process_resident_memory_bytes ${rss}`,
  ];
  return `${lines.join("\n")}\n`;
}
