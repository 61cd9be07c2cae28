/** The blobs of an image on their way to a repository: skipped when they are there, mounted from elsewhere, or sent. */
import type { RemoteRepository } from "../../distribution/contract.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import { type Reference, repositoryOf } from "../../lib/image-reference.ts";
import type { Slots } from "../../lib/slots.ts";
import type { Descriptor, Digest } from "../../model/image.ts";
import type { LocalChunkLists } from "../chunks/local-chunk-lists.ts";
import type { ContentStore } from "../content-store.ts";
import type { ImageRecords } from "../image-records.ts";
import type { ProgressLines } from "../progress-lines.ts";
import type { LayerToPush, PushPlan } from "./push-plan.ts";

/** More than that are not worth asking for: each is one more right that a token must have. */
const MAX_ORIGINS = 4;

interface KnownRepository {
  path: string;
  digests: ReadonlySet<Digest>;
}

/** Other repositories of the same registry that are known to have one of these blobs. */
export function knownRepositories(
  records: ImageRecords,
  target: Reference,
  wanted: readonly Digest[],
): KnownRepository[] {
  const wantedDigests = new Set(wanted);
  const found = new Map<string, Set<Digest>>();
  const prefix = `${target.domain}/`;
  for (const [name, { id }] of records.references.entries()) {
    const at = name.indexOf("@");
    // A digest in a repository is known from a pull or a push; a tag alone says nothing of the registry.
    if (at < 0 || !name.startsWith(prefix) || name.slice(0, at) === repositoryOf(target)) continue;
    const path = name.slice(prefix.length, at);
    for (const { digest } of records.images.get(id)?.blobs ?? []) {
      if (!wantedDigests.has(digest)) continue;
      const digests = found.get(path) ?? new Set();
      found.set(path, digests.add(digest));
    }
  }
  const all = [...found].map(([path, digests]) => ({ path, digests }));
  return all.sort((a, b) => b.digests.size - a.digests.size).slice(0, MAX_ORIGINS);
}

export class BlobPusher {
  constructor(
    private readonly parts: { records: ImageRecords; content: ContentStore; chunkLists: LocalChunkLists; slots: Slots },
    private readonly remote: RemoteRepository,
    private readonly lines: ProgressLines,
    private readonly signal: AbortSignal,
  ) {}

  /** Everything that the plan's manifests name. All stops when one fails. */
  async push(plan: PushPlan): Promise<void> {
    const failure = new AbortController();
    const signal = AbortSignal.any([this.signal, failure.signal]);
    const digests = plan.layers.map(({ descriptor }) => descriptor.digest);
    const origins = knownRepositories(this.parts.records, this.target, digests);
    const work = [
      ...plan.layers.map((layer) => this.pushLayer(layer, origins, signal)),
      ...plan.configs.map((config) => this.pushConfig(config, signal)),
    ];
    for (const one of work) one.catch((error) => failure.abort(error));
    await Promise.allSettled(work);
    this.signal.throwIfAborted();
    if (failure.signal.aborted) throw failure.signal.reason;
  }

  private get target(): Reference {
    return { domain: this.remote.domain, path: this.remote.path };
  }

  private async pushLayer(layer: LayerToPush, origins: KnownRepository[], signal: AbortSignal): Promise<void> {
    const { label, descriptor } = layer;
    if (layer.isForeign) {
      this.lines.step(label, "Skipped foreign layer");
      return;
    }
    if (this.parts.slots.isFull) this.lines.step(label, "Waiting");
    const free = await this.parts.slots.take(signal);
    try {
      this.lines.step(label, await this.bring(layer, origins, signal));
    } catch (error) {
      throw isWrongDigest(error) ? damaged(descriptor.digest, error) : error;
    } finally {
      free();
    }
  }

  /** @returns what became of it, in Docker's words */
  private async bring({ descriptor, label }: LayerToPush, origins: KnownRepository[], signal: AbortSignal) {
    const { digest, size } = descriptor;
    if (await this.remote.hasBlob(digest, { signal })) return "Layer already exists";
    for (const { path, digests } of origins) {
      if (digests.has(digest) && (await this.remote.mountBlob(digest, path, { signal }))) return `Mounted from ${path}`;
    }
    this.lines.progress(label, "Pushing", 0, size);
    await this.send(descriptor, signal, (sent) => this.lines.progress(label, "Pushing", sent, size));
    return "Pushed";
  }

  private async pushConfig(config: Descriptor, signal: AbortSignal): Promise<void> {
    if (!(await this.remote.hasBlob(config.digest, { signal }))) await this.send(config, signal);
  }

  private async send(
    { digest, size }: Descriptor,
    signal: AbortSignal,
    onProgress?: (bytesSent: number) => void,
  ): Promise<void> {
    const path = this.parts.content.path(digest);
    if ((await this.parts.content.findSize(digest)) !== size) throw damaged(digest, undefined);
    const open = (offset: number, length = size - offset) =>
      Bun.file(path)
        .slice(offset, offset + length)
        .stream();
    const listChunks = () => this.parts.chunkLists.get(digest, signal);
    await this.remote.pushBlob({ digest, size }, { open, listChunks }, { signal, onProgress });
  }
}

function isWrongDigest(error: unknown): boolean {
  return /digest.*(invalid|did not match)/i.test(errorText(error));
}

function damaged(digest: Digest, cause: unknown): NaruError {
  const reason =
    cause === undefined ? "is missing or cut off here" : `was refused by the registry (${errorText(cause)})`;
  return new NaruError(
    "internal",
    `the blob ${digest} ${reason}: 'naru image verify' tells what is damaged, and pulling the image again repairs it`,
    { cause },
  );
}
