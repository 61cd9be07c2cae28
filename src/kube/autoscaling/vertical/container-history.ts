/** What a container has used so far, and what follows from that. */

import { instant } from "../../controllers/timestamps.ts";
import type { CheckpointStatus } from "./checkpoint-kind.ts";
import { UsageHistogram } from "./usage-histogram.ts";

const DAY_MS = 24 * 3600 * 1000;
/** Asked for beyond what was seen. */
const MARGIN = 1.15;
const TARGET = 0.9;
const LOWER = 0.5;
const UPPER = 0.95;
/** The least that is recommended: thousandths of a core, bytes. */
const LEAST = { cpu: 25, memory: 25 * 1024 ** 2 };

/** What one container of a target has used so far. */
export class ContainerHistory {
  private readonly cpu = new UsageHistogram(10, DAY_MS);
  private readonly memory = new UsageHistogram(10 * 1024 ** 2, DAY_MS);
  private firstAt: number | undefined;
  private lastAt = 0;
  private samples = 0;
  private peak: { since: number; bytes: number } | undefined;

  /** @param milliCpu thousandths of a core  @param requested what it asks for: a larger container's samples weigh more */
  add(milliCpu: number, bytes: number, requested: number, at: number): void {
    this.firstAt ??= at;
    this.lastAt = at;
    this.samples++;
    this.cpu.add(milliCpu, Math.max(requested, 100) / 1000, at);
    // Memory counts by the highest value of each day: less would be killed.
    if (this.peak === undefined || at - this.peak.since >= DAY_MS) {
      this.peak = { since: at, bytes };
      this.memory.add(bytes, 1, at);
    } else if (bytes > this.peak.bytes) {
      this.memory.add(this.peak.bytes, -1, this.peak.since);
      this.memory.add(bytes, 1, this.peak.since);
      this.peak.bytes = bytes;
    }
  }

  /** The peak of this day is not kept: after a restart the day counts once more, from what is seen then. */
  save(): CheckpointStatus {
    const time = (at: number) => `${new Date(at).toISOString().slice(0, 19)}Z`;
    return {
      cpuHistogram: this.cpu.save(),
      memoryHistogram: this.memory.save(),
      firstSampleStart: time(this.firstAt ?? 0),
      lastSampleStart: time(this.lastAt),
      totalSamplesCount: this.samples,
    };
  }

  static restore(kept: CheckpointStatus): ContainerHistory {
    const history = new ContainerHistory();
    history.cpu.restore(kept.cpuHistogram ?? {});
    history.memory.restore(kept.memoryHistogram ?? {});
    history.samples = kept.totalSamplesCount ?? 0;
    if (history.samples === 0) return history;
    history.firstAt = instant(kept.firstSampleStart);
    history.lastAt = instant(kept.lastSampleStart);
    return history;
  }

  get isEmpty(): boolean {
    return this.cpu.isEmpty;
  }

  /** Thousandths of a core and bytes, before any bounds of a policy. */
  estimate(): { target: Amounts; lower: Amounts; upper: Amounts } {
    // In days: with little history the bounds are far apart, so that little is changed in haste.
    const confidence = Math.max((this.lastAt - (this.firstAt ?? 0)) / DAY_MS, 1 / 1440);
    const at = (share: number, factor: number): Amounts => ({
      cpu: Math.max(this.cpu.percentile(share) * MARGIN * factor, LEAST.cpu),
      memory: Math.max(this.memory.percentile(share) * MARGIN * factor, LEAST.memory),
    });
    return {
      target: at(TARGET, 1),
      lower: at(LOWER, (1 + 0.001 / confidence) ** -2),
      upper: at(UPPER, 1 + 1 / confidence),
    };
  }
}

export interface Amounts {
  readonly cpu: number;
  readonly memory: number;
}
