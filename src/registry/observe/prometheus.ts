/** Counters, gauges and histograms, printed in Prometheus' text format (version 0.0.4). */

type Labels = Readonly<Record<string, string>>;
interface Metric {
  name: string;
  help: string;
  type: "counter" | "gauge" | "histogram";
  lines(): string[] | Promise<string[]>;
}

export class MetricSet {
  readonly #metrics: Metric[] = [];

  counter(name: string, help: string): { add(labels: Labels, value?: number): void } {
    const values = new Map<string, number>();
    this.#metrics.push({ name, help, type: "counter", lines: () => seriesLines(name, values) });
    return {
      add: (labels, value = 1) => {
        const key = labelText(labels);
        values.set(key, (values.get(key) ?? 0) + value);
      },
    };
  }

  /** `read` is asked when somebody looks. */
  gauge(name: string, help: string, read: () => Promise<readonly (readonly [Labels, number])[]>): void {
    const lines = async () => (await read()).map(([labels, value]) => `${name}${labelText(labels)} ${value}`);
    this.#metrics.push({ name, help, type: "gauge", lines });
  }

  /** `bounds`: upper bounds of the buckets, rising. */
  histogram(name: string, help: string, bounds: readonly number[]): { observe(labels: Labels, value: number): void } {
    const series = new Map<string, { labels: Labels; buckets: number[]; sum: number; count: number }>();
    this.#metrics.push({
      name,
      help,
      type: "histogram",
      lines: () =>
        [...series.values()].flatMap(({ labels, buckets, sum, count }) => [
          ...bounds.map((bound, i) => `${name}_bucket${labelText({ ...labels, le: String(bound) })} ${buckets[i]}`),
          `${name}_bucket${labelText({ ...labels, le: "+Inf" })} ${count}`,
          `${name}_sum${labelText(labels)} ${sum}`,
          `${name}_count${labelText(labels)} ${count}`,
        ]),
    });
    return {
      observe: (labels, value) => {
        const key = labelText(labels);
        const entry = series.get(key) ?? { labels, buckets: bounds.map(() => 0), sum: 0, count: 0 };
        series.set(key, entry);
        for (const [i, bound] of bounds.entries()) if (value <= bound) entry.buckets[i]! += 1;
        entry.sum += value;
        entry.count += 1;
      },
    };
  }

  async text(): Promise<string> {
    const parts: string[] = [];
    for (const { name, help, type, lines } of this.#metrics) {
      const printed = await lines();
      if (printed.length > 0) parts.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...printed);
    }
    return `${parts.join("\n")}\n`;
  }
}

function seriesLines(name: string, values: ReadonlyMap<string, number>): string[] {
  return [...values].map(([labels, value]) => `${name}${labels} ${value}`);
}

function labelText(labels: Labels): string {
  const entries = Object.entries(labels);
  if (entries.length === 0) return "";
  const escaped = (value: string) => value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
  return `{${entries.map(([key, value]) => `${key}="${escaped(value)}"`).join(",")}}`;
}
