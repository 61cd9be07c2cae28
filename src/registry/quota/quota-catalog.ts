/** Refuses what would go beyond a quota, while it arrives: an upload ends at the byte that is too much. */

import { NaruError } from "../../lib/errors.ts";
import { OneAtATime } from "../../lib/one-at-a-time.ts";
import type { Digest } from "../../model/image.ts";
import type { Actor, RegistryCatalog } from "../contract.ts";
import { ForwardingCatalog } from "../forwarding-catalog.ts";
import { parseManifestLinks } from "../manifest-links.ts";
import { limitSubject, type Quota, sharesLimit } from "./quotas.ts";
import { UsageLedger } from "./usage-ledger.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

export class QuotaCatalog extends ForwardingCatalog {
  readonly #ledger: UsageLedger;
  readonly #checks = new OneAtATime();

  constructor(
    inner: RegistryCatalog,
    private readonly quotas: readonly Quota[],
  ) {
    super(inner);
    this.#ledger = new UsageLedger(inner);
    // Also what retention and eviction delete, below this catalog.
    inner.subscribe(({ action, repository }) => {
      if (action !== "pull") this.#ledger.manifestsChanged(repository);
    });
  }

  /** Counts what is there, so that the first push does not wait for it. */
  async warm(): Promise<void> {
    await this.#ledger.bytesWhere((repository) => this.quotas.some((quota) => quota.repositories(repository)));
  }

  override async appendUpload(
    repository: string,
    id: string,
    offset: number | undefined,
    data: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    const before = await this.inner.uploadSize(repository, id);
    this.#ledger.arriving(id, repository, before);
    const room = await this.#room(repository, before);
    const counting = { isTooMuch: room.bytes <= before };
    try {
      if (counting.isTooMuch) throw room.refusal();
      const counted = this.#count(repository, id, before, room, data, counting);
      const size = await this.inner.appendUpload(repository, id, offset, counted);
      this.#ledger.arriving(id, repository, size);
      return size;
    } catch (error) {
      // What came of it would take the room of others until somebody sweeps it away.
      if (counting.isTooMuch) await this.abandonUpload(repository, id);
      throw error;
    }
  }

  override async finishUpload(repository: string, id: string, digest: Digest, actor: Actor): Promise<void> {
    const size = await this.inner.uploadSize(repository, id);
    const known = await this.inner.findBlob(repository, digest);
    if (known === undefined) await this.#checkAtEnd(repository, id, size);
    await this.inner.finishUpload(repository, id, digest, actor);
    this.#ledger.arrived(id);
    if (known === undefined) this.#ledger.blobAdded(repository, digest, size);
  }

  override async abandonUpload(repository: string, id: string): Promise<void> {
    await this.inner.abandonUpload(repository, id);
    this.#ledger.arrived(id);
  }

  override async mountBlob(...args: Parameters<RegistryCatalog["mountBlob"]>): Promise<boolean> {
    const [repository, digest, from] = args;
    const known = await this.inner.findBlob(repository, digest);
    const source =
      known === undefined && from !== undefined
        ? await this.inner.findBlob(from, digest).catch(() => undefined)
        : undefined;
    if (source !== undefined) {
      const room = await this.#room(repository, 0);
      if (room.bytes < source.size) throw room.refusal();
    }
    const isMounted = await this.inner.mountBlob(...args);
    if (isMounted && known === undefined) {
      const mounted = source ?? (await this.inner.findBlob(repository, digest));
      if (mounted !== undefined) this.#ledger.blobAdded(repository, digest, mounted.size);
    }
    return isMounted;
  }

  override async putManifest(...args: Parameters<RegistryCatalog["putManifest"]>) {
    const [repository, , manifest] = args;
    const room = await this.#room(repository, 0);
    // Its blobs are here already and have been counted.
    if (room.bytes < manifest.bytes.length) throw room.refusal();
    const stored = await this.inner.putManifest(...args);
    this.#ledger.manifestsChanged(repository);
    const { blobs } = parseManifestLinks(manifest.bytes);
    this.#ledger.blobsNamed(
      repository,
      blobs.map((blob) => blob.digest),
    );
    return stored;
  }

  /** Bytes used and allowed of each quota that this repository counts against, for the page and the metrics. */
  async usage(): Promise<{ quota: Quota; bytes: number }[]> {
    const whole = this.quotas.filter((quota) => quota.per === "all");
    return await Promise.all(
      whole.map(async (quota) => ({ quota, bytes: await this.#ledger.bytesWhere(quota.repositories) })),
    );
  }

  /** Several at a time may each have found room when they began. One after the other, so that not all of them go. */
  #checkAtEnd(repository: string, id: string, size: number): Promise<void> {
    return this.#checks.run(() => this.#refuseBeyond(repository, id, size));
  }

  async #refuseBeyond(repository: string, id: string, size: number): Promise<void> {
    this.#ledger.arriving(id, repository, size);
    const room = await this.#room(repository, size);
    if (size <= room.bytes) return;
    await this.abandonUpload(repository, id);
    throw room.refusal();
  }

  /** How large an upload may become at most, by the tightest quota. `own`: what has arrived of it, which is counted already. */
  async #room(repository: string, own: number): Promise<Room> {
    let tightest: Room = { bytes: Number.POSITIVE_INFINITY, refusal: () => new NaruError("forbidden", "") };
    for (const quota of this.quotas) {
      if (!quota.repositories(repository)) continue;
      const used = await this.#ledger.bytesWhere((other) => sharesLimit(quota, repository, other));
      const bytes = quota.maxBytes - used + own;
      if (bytes < tightest.bytes) tightest = { bytes, refusal: () => refusal(quota, repository, used) };
    }
    return tightest;
  }

  async *#count(
    repository: string,
    id: string,
    before: number,
    room: Room,
    data: AsyncIterable<Uint8Array>,
    counting: { isTooMuch: boolean },
  ) {
    let size = before;
    for await (const chunk of data) {
      size += chunk.length;
      counting.isTooMuch = size > room.bytes;
      if (counting.isTooMuch) throw room.refusal();
      this.#ledger.arriving(id, repository, size);
      yield chunk;
    }
  }
}

interface Room {
  bytes: number;
  refusal(): NaruError;
}

function refusal(quota: Quota, repository: string, used: number): NaruError {
  return new NaruError(
    "forbidden",
    `quota exceeded: ${limitSubject(quota, repository)} may hold ${sizeText(quota.maxBytes)} and holds ${sizeText(used)}; ` +
      "delete tags that are not needed, or ask for a larger quota",
  );
}

export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toPrecision(3)} ${UNITS[unit]}`;
}
