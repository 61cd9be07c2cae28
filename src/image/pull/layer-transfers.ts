/**
 * Layers on their way in, each once however many pulls want it: who comes second joins the first, hears of its progress,
 * and it ends early only when all have gone.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { RemoteRepository } from "../../distribution/contract.ts";
import { isKind, NaruError } from "../../lib/errors.ts";
import type { Slots } from "../../lib/slots.ts";
import type { WorkerPool } from "../../lib/worker-pool.ts";
import type { Descriptor, Digest } from "../../model/image.ts";
import type { LayerChangesSource } from "../chunks/layer-changes-source.ts";
import { type DataLayout, randomName } from "../data-layout.ts";
import { DEFAULT_LIMITS } from "../layer-ingest.ts";
import type { UnpackedLayer } from "../snapshot-store.ts";
import type { Trash } from "../trash.ts";
import type { DownloadParams, DownloadResult } from "./download-ingest.ts";
import type { PartialBlobs } from "./partial-blobs.ts";

interface TransferListener {
  /** It has to wait for others to end. */
  onWaiting?(): void;
  onProgress?(bytes: number): void;
  onRetry?(waitSeconds: number): void;
  /** All bytes are here; they are still being checked and unpacked. */
  onArrived?(): void;
}

interface TransferParts {
  layout: DataLayout;
  partials: PartialBlobs;
  pool: WorkerPool;
  trash: Trash;
  slots: Slots;
  source: LayerChangesSource;
}

/** A blob that is here in full, and its files, which only one of those who share it can have. */
export interface ArrivedLayer {
  digest: Digest;
  /** Of the blob, until it is adopted by the content store. */
  path: string;
  /** The unpacked files; undefined when somebody took them before, or when they were not asked for. The taker discards. */
  takeUnpacked(): UnpackedLayer | undefined;
  /** To be called once by everyone who got it. */
  release(): Promise<void>;
}

export class LayerTransfers {
  private readonly underWay = new Map<Digest, Transfer>();

  constructor(private readonly parts: TransferParts) {}

  /**
   * Brings the layer's blob and unpacks it.
   * @throws {NaruError} what the registry says; invalid when the bytes are wrong; the signal's reason
   */
  async fetch(
    layer: Descriptor,
    from: RemoteRepository,
    options: { unpack: boolean; listener: TransferListener; signal: AbortSignal },
  ): Promise<ArrivedLayer> {
    for (;;) {
      const transfer = await this.findOrStart(layer, from, options.unpack);
      try {
        return await transfer.join(options.listener, options.signal);
      } catch (error) {
        // Somebody else's registry or login failed; this one's may not.
        if (transfer.from === from || options.signal.aborted) throw error;
        await transfer.gone;
      }
    }
  }

  private async findOrStart(layer: Descriptor, from: RemoteRepository, unpack: boolean): Promise<Transfer> {
    let known = this.underWay.get(layer.digest);
    // One that its users left still writes to the same file until it has ended.
    for (; known?.wasAbandoned; known = this.underWay.get(layer.digest)) await known.ended;
    if (known) return known;
    const transfer = new Transfer(this.parts, layer, from, unpack);
    this.underWay.set(layer.digest, transfer);
    transfer.gone.then(() => this.underWay.delete(layer.digest));
    return transfer;
  }
}

class Transfer {
  /** Resolves when nothing of it goes on any more, however it ended. */
  readonly ended: Promise<void>;
  /** Resolves when it can serve nobody any more: it failed, or all have left. */
  readonly gone: Promise<void>;
  private leaveForGood!: () => void;
  private readonly stop = new AbortController();
  private readonly listeners = new Set<TransferListener>();
  private readonly arrival: Promise<UnpackedLayer | undefined>;
  private users = 0;
  private unpacked: UnpackedLayer | undefined;
  private state: "waiting" | "moving" | "arrived" = "waiting";
  private bytes = 0;

  constructor(
    private readonly parts: TransferParts,
    private readonly layer: Descriptor,
    readonly from: RemoteRepository,
    private readonly unpack: boolean,
  ) {
    this.gone = new Promise((resolve) => {
      this.leaveForGood = resolve;
    });
    this.arrival = this.run();
    this.ended = this.arrival.then(
      () => {},
      () => this.leaveForGood(),
    );
  }

  get wasAbandoned(): boolean {
    return this.stop.signal.aborted;
  }

  async join(listener: TransferListener, signal: AbortSignal): Promise<ArrivedLayer> {
    this.users += 1;
    this.listeners.add(listener);
    this.tellState(listener);
    let leave: (() => void) | undefined;
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal.reason);
      signal.addEventListener("abort", leave, { once: true });
      // It may have waited for an abandoned transfer to end.
      if (signal.aborted) leave();
    });
    try {
      await Promise.race([this.arrival, left]);
    } catch (error) {
      await this.release();
      throw error;
    } finally {
      this.listeners.delete(listener);
      if (leave) signal.removeEventListener("abort", leave);
    }
    return {
      digest: this.layer.digest,
      path: this.parts.partials.path(this.layer.digest),
      takeUnpacked: () => {
        const { unpacked } = this;
        this.unpacked = undefined;
        return unpacked;
      },
      release: () => this.release(),
    };
  }

  private tellState(listener: TransferListener): void {
    if (this.state === "waiting" && this.parts.slots.isFull) listener.onWaiting?.();
    if (this.bytes > 0) listener.onProgress?.(this.bytes);
    if (this.state === "arrived") listener.onArrived?.();
  }

  private async release(): Promise<void> {
    this.users -= 1;
    if (this.users > 0) return;
    this.stop.abort(new NaruError("unavailable", `nobody waits for the layer ${this.layer.digest} any more`));
    await this.ended;
    this.leaveForGood();
    if (this.unpacked) await this.parts.trash.discard(this.unpacked.directory);
  }

  private async run(): Promise<UnpackedLayer | undefined> {
    // What starts it also joins it: nothing happens before that.
    await Promise.resolve();
    const free = await this.parts.slots.take(this.stop.signal);
    const letGo = this.parts.partials.hold(this.layer.digest);
    try {
      return await this.download();
    } finally {
      letGo();
      free();
    }
  }

  private async download(): Promise<UnpackedLayer | undefined> {
    const { partials } = this.parts;
    const { digest, size } = this.layer;
    if ((await partials.size(digest)) > size) await partials.remove(digest);
    const offset = await partials.size(digest);
    try {
      return await this.ingest(offset);
    } catch (error) {
      // Bytes of an earlier download may have been spoilt, by a power failure say. Once more, from the start.
      const isSpoilt = offset > 0 && isKind(error, "invalid") && (await partials.size(digest)) === 0;
      if (!isSpoilt || this.stop.signal.aborted) throw error;
      return await this.ingest(0);
    }
  }

  /** Takes the blob in from `offset` on; nothing but bytes that may be right stays when that fails. */
  private async ingest(offset: number): Promise<UnpackedLayer | undefined> {
    const { layout, trash } = this.parts;
    const { digest, size } = this.layer;
    const directory = this.unpack ? join(layout.ingest, randomName()) : undefined;
    try {
      if (directory) await mkdir(join(directory, "fs"), { recursive: true, mode: 0o755 });
      const { unpacked } = await this.runWorker(offset, directory && join(directory, "fs"));
      if (directory && unpacked) {
        this.unpacked = { ...unpacked, blobDigest: digest, blobBytes: size, directory };
      }
      return this.unpacked;
    } catch (error) {
      if (directory) await trash.discard(directory);
      throw error;
    }
  }

  private async runWorker(offset: number, filesDir: string | undefined): Promise<DownloadResult> {
    const { partials, pool } = this.parts;
    const { digest } = this.layer;
    const source = new ObservedSource(this.bytesFrom(offset));
    const params: DownloadParams = { partialPath: partials.path(digest), digest, filesDir, limits: DEFAULT_LIMITS };
    try {
      const { signal } = this.stop;
      return await pool.run<DownloadResult>("download", params, { input: source, ownsInput: true, signal });
    } catch (error) {
      if (this.stop.signal.aborted) throw error;
      // The worker only knows that its input failed; why, was known here.
      if (source.error !== undefined) throw source.error;
      // Wrong bytes and full disks: what is here serves nobody.
      await partials.remove(digest);
      throw error;
    }
  }

  private async *bytesFrom(offset: number): AsyncGenerator<Uint8Array> {
    const { size } = this.layer;
    this.state = "moving";
    this.tellBytes(offset);
    if (offset < size) {
      const options = {
        offset,
        signal: this.stop.signal,
        isCheckedByCaller: true,
        onRetry: (seconds: number) => {
          for (const listener of this.listeners) listener.onRetry?.(seconds);
        },
      };
      for await (const chunk of this.parts.source.read(this.layer, this.from, options)) {
        // The worker may own it afterwards.
        const { length } = chunk;
        yield chunk;
        this.tellBytes(this.bytes + length);
      }
    }
    this.state = "arrived";
    for (const listener of this.listeners) listener.onArrived?.();
  }

  private tellBytes(bytes: number): void {
    this.bytes = bytes;
    for (const listener of this.listeners) listener.onProgress?.(bytes);
  }
}

/** Passes bytes on and remembers why they ended. */
class ObservedSource implements AsyncIterable<Uint8Array> {
  error: unknown;

  constructor(private readonly source: AsyncIterable<Uint8Array>) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      yield* this.source;
    } catch (error) {
      this.error = error;
      throw error;
    }
  }
}
