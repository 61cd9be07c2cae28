/** Collections by the clock. */
import { errorText } from "../../lib/errors.ts";
import type { RegistryLog } from "../registry-log.ts";
import type { CollectOptions, Collector } from "./collector.ts";

export class CollectionSchedule {
  private readonly stopping = new AbortController();
  private readonly timer: ReturnType<typeof setInterval> | undefined;
  private current: Promise<void> | undefined;

  /** `everyMs` 0: never by itself. */
  constructor(
    private readonly collector: Collector,
    private readonly options: CollectOptions,
    private readonly log: RegistryLog,
    everyMs: number,
  ) {
    if (everyMs > 0) this.timer = setInterval(() => this.begin(), everyMs);
  }

  /** Ends a collection under way: what it removed stays removed, the rest is for the next one. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort();
    await this.current;
  }

  private begin(): void {
    if (this.collector.isRunning) return;
    this.current = this.collect().catch((error: unknown) => {
      if (!this.stopping.signal.aborted) this.log.warn("the collection failed", { reason: errorText(error) });
    });
  }

  private async collect(): Promise<void> {
    const { blobs, uploads, links, repositories, keptBytes, durationMs } = await this.collector.collect(
      this.options,
      this.stopping.signal,
    );
    this.log.info("collected garbage", {
      blobs: blobs.count,
      bytes: blobs.bytes + uploads.bytes,
      links,
      uploads: uploads.count,
      repositories,
      keptBytes,
      ms: durationMs,
    });
  }
}
