/** Collections by the clock and on demand, told in the log, ended with the server. */
import { errorText } from "../../lib/errors.ts";
import type { RegistryLog } from "../registry-log.ts";
import type { CollectOptions, Collector, CollectReport } from "./collector.ts";

export class CollectionSchedule {
  private readonly stopping = new AbortController();
  private readonly timer: ReturnType<typeof setInterval> | undefined;
  private current: Promise<unknown> | undefined;

  /** `everyMs` 0: never by itself. */
  constructor(
    readonly collector: Collector,
    /** What nobody asked for differently. */
    readonly defaults: CollectOptions,
    private readonly log: RegistryLog,
    everyMs: number,
  ) {
    if (everyMs > 0) this.timer = setInterval(() => this.tick(), everyMs);
  }

  /**
   * Collects now; goes on when whoever asked for it has left.
   * @throws conflict while another collection runs
   */
  async collect(options: CollectOptions): Promise<CollectReport> {
    const collecting = this.collector.collect(options, this.stopping.signal);
    this.current = collecting.catch(() => {});
    const report = await collecting;
    const { blobs, uploads, links, manifests, repositories, keptBytes, durationMs, dryRun } = report;
    this.log.info(dryRun ? "counted garbage" : "collected garbage", {
      blobs: blobs.count,
      bytes: blobs.bytes + uploads.bytes,
      manifests,
      links,
      uploads: uploads.count,
      repositories,
      keptBytes,
      ms: durationMs,
    });
    return report;
  }

  /** Ends a collection under way: what it removed stays removed, the rest is for the next one. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort();
    await this.current;
  }

  private tick(): void {
    if (this.collector.isRunning) return;
    this.collect(this.defaults).catch((error: unknown) => {
      if (!this.stopping.signal.aborted) this.log.warn("the collection failed", { reason: errorText(error) });
    });
  }
}
