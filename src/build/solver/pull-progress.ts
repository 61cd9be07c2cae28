/** Docker's messages of a pull as progress of a build's step. */
import type { ProgressLine } from "../../image/contract.ts";
import type { Digest } from "../../model/image.ts";
import type { BuildEvent } from "../contract.ts";

interface Transfer {
  startedAt: number;
  total: number;
}

export class PullProgress {
  private readonly transfers = new Map<string, Transfer>();

  constructor(
    private readonly step: Digest,
    private readonly emit: (event: BuildEvent) => void,
  ) {}

  /** `at` in Unix milliseconds. */
  take(line: ProgressLine, at: number): void {
    const { id, status } = line;
    if (typeof id !== "string" || typeof status !== "string") return;
    const detail = (line.progressDetail ?? {}) as { current?: number; total?: number };
    const known = this.transfers.get(id);
    const isDone = status === "Pull complete" || status === "Already exists";
    if (!known && detail.total === undefined && !isDone) return;
    const transfer: Transfer = { startedAt: known?.startedAt ?? at, total: detail.total ?? known?.total ?? 0 };
    this.transfers.set(id, transfer);
    this.emit({
      type: "progress",
      step: this.step,
      id,
      name: status.toLowerCase(),
      current: isDone ? transfer.total : (detail.current ?? 0),
      total: transfer.total,
      startedAt: transfer.startedAt,
      ...(isDone ? { completedAt: at } : {}),
    });
  }
}
