/**
 * Whether unpacked files survive a power cut. They are thousands and small, so a pull does not wait until they are on the
 * disk: each layer is marked with the boot of the machine in which it was unpacked, and the mark goes once the whole file
 * system was synced, within a minute. A mark of an earlier boot says that the files may be torn.
 */
import type { WorkerPool } from "../lib/worker-pool.ts";
import type { DataLayout } from "./data-layout.ts";
import type { ImageRecords } from "./image-records.ts";

/** After the last layer came. By then the kernel has written most of it by itself (after 30 s), and the sync takes little. */
const QUIET_MS = 45_000;

export class SettledFiles {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> = Promise.resolve();
  private isClosed = false;

  constructor(
    private readonly parts: { layout: DataLayout; records: ImageRecords; pool: Pick<WorkerPool, "run"> },
    /** Of the machine's start; "" when it is not known: then nothing can be told, and nothing is marked. */
    readonly bootId: string,
    private readonly quietMs = QUIET_MS,
  ) {}

  /** For the record of a layer whose files were just written. */
  mark(): { unsettledIn?: string } {
    if (this.bootId === "") return {};
    this.settleLater();
    return { unsettledIn: this.bootId };
  }

  /** True for a mark of a boot that ended before the files were known to be on the disk. */
  isSuspect({ unsettledIn }: { unsettledIn?: string }): boolean {
    return unsettledIn !== undefined && unsettledIn !== this.bootId;
  }

  /** Marks that an earlier daemon of this boot left. */
  resume(): void {
    const { snapshots, builtLayers } = this.parts.records;
    const all = [...snapshots.values(), ...builtLayers.values()];
    if (all.some(({ unsettledIn }) => unsettledIn === this.bootId)) this.settleLater();
  }

  /** What has not settled stays marked. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private settleLater(): void {
    if (this.isClosed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.running = this.settle().catch(() => this.settleLater());
    }, this.quietMs);
    this.timer.unref();
  }

  /** Takes the marks off what was written before the sync began. */
  private async settle(): Promise<void> {
    const { layout, records, pool } = this.parts;
    const isOpen = ([, { unsettledIn }]: [string, { unsettledIn?: string }]) => unsettledIn === this.bootId;
    const snapshots = [...records.snapshots.entries()].filter(isOpen);
    const builtLayers = [...records.builtLayers.entries()].filter(isOpen);
    const isOnDisk = await pool.run<boolean>("syncFiles", { path: layout.dataRoot });
    if (!isOnDisk) return;
    for (const [chainId, { directory }] of snapshots) {
      const found = records.snapshots.get(chainId);
      // It may have been unpacked anew meanwhile.
      if (found?.directory === directory) await records.snapshots.put(chainId, { ...found, unsettledIn: undefined });
    }
    for (const [id] of builtLayers) {
      const found = records.builtLayers.get(id);
      if (found) await records.builtLayers.put(id, { ...found, unsettledIn: undefined });
    }
  }
}
