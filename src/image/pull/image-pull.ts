/** `docker pull`: from a registry's answer to an image that is here, told in Docker's messages. */
import type { RegistryClient, RemoteRepository } from "../../distribution/contract.ts";
import { isDigest } from "../../lib/digest.ts";
import { isKind, NaruError } from "../../lib/errors.ts";
import { canonicalReference, familiarName, type Reference, repositoryOf } from "../../lib/image-reference.ts";
import { fitsPlatform, type PlatformWish, platformText } from "../../lib/platform.ts";
import type { Descriptor, Digest } from "../../model/image.ts";
import type { ImagePolicy } from "../../signature/contract.ts";
import type { ContentStore } from "../content-store.ts";
import type { ProgressLine, PullRequest } from "../contract.ts";
import type { DataLayout } from "../data-layout.ts";
import { type BlobSource, type ImagePublisher, uniqueBlobs } from "../image-publisher.ts";
import {
  type ImageRecord,
  type ImageRecords,
  imageRecord,
  type PlatformImage,
  platformImages,
} from "../image-records.ts";
import { ProgressLines } from "../progress-lines.ts";
import type { SnapshotStore } from "../snapshot-store.ts";
import type { Trash } from "../trash.ts";
import type { LayerTransfers } from "./layer-transfers.ts";
import type { PartialBlobs } from "./partial-blobs.ts";
import { bringLayers, missingLayers } from "./pull-layers.ts";
import { type PullPlan, planDigests, planPull } from "./pull-plan.ts";

export interface PullParts {
  registries: RegistryClient;
  policy: ImagePolicy;
  layout: DataLayout;
  records: ImageRecords;
  content: ContentStore;
  snapshots: SnapshotStore;
  publisher: ImagePublisher;
  partials: PartialBlobs;
  transfers: LayerTransfers;
  trash: Trash;
}

/**
 * Brings an image, or with neither tag nor digest all of a repository's.
 * @throws {NaruError} before the first message when the registry does not have it, else after it
 */
export async function* pullImages(
  parts: PullParts,
  { reference, platform, credentials }: PullRequest,
  signal: AbortSignal,
): AsyncGenerator<ProgressLine, void> {
  await parts.partials.sweep();
  const { domain, path } = reference;
  const remote = parts.registries.repository({ domain, path }, { credentials, actions: "pull" });
  const isWhole = reference.tag === undefined && reference.digest === undefined;
  let isNews = false;
  let warning: string | undefined;
  for await (const wanted of isWhole ? allTags(remote, reference, signal) : [reference]) {
    const pull = new Pull(parts, remote, wanted, platform, signal);
    try {
      yield* pull.run();
    } catch (error) {
      // A repository of images may hold signatures and the like under tags of their own.
      if (!isWhole || !pull.isOtherThing(error)) throw error;
      yield { status: `Skipping ${wanted.tag}: it is not an image for containers` };
    }
    isNews ||= pull.isNews;
    warning ??= pull.warning;
  }
  const name = isWhole ? familiarName(repositoryOf(reference)) : familiarName(canonicalReference(reference));
  yield { status: `Status: ${isNews ? "Downloaded newer image" : "Image is up to date"} for ${name}` };
  if (warning !== undefined) yield { status: warning };
}

async function* allTags(
  remote: RemoteRepository,
  reference: Reference,
  signal: AbortSignal,
): AsyncGenerator<Reference, void> {
  for await (const tag of remote.listTags({ signal })) yield { ...reference, tag };
}

/** The way of one reference. */
class Pull {
  /** Something came, or the name means another image now. */
  isNews = false;
  warning: string | undefined;
  private readonly canonical: string;

  constructor(
    private readonly parts: PullParts,
    private readonly remote: RemoteRepository,
    private readonly reference: Reference,
    private readonly wished: PlatformWish | undefined,
    private readonly signal: AbortSignal,
  ) {
    this.canonical = canonicalReference(reference);
  }

  /** True when the failure says that this is no image. */
  isOtherThing(error: unknown): boolean {
    return isKind(error, "invalid") && (error as NaruError).message.startsWith("unsupported media type");
  }

  async *run(): AsyncGenerator<ProgressLine, void> {
    const { digest, tag = "latest" } = this.reference;
    const descriptor = await this.remote.resolve(digest ?? tag, { signal: this.signal });
    yield { status: `Pulling from ${this.reference.path}`, id: digest === undefined ? tag : this.canonical };
    const stop = new AbortController();
    const lines = new ProgressLines();
    const work = this.bring(descriptor, lines, AbortSignal.any([this.signal, stop.signal])).then(
      () => lines.end(),
      (error) => lines.fail(error),
    );
    try {
      yield* lines.read();
    } finally {
      // Whoever read has gone, or all is done.
      stop.abort(new NaruError("unavailable", "the pull was cancelled"));
      await work;
    }
    yield { status: `Digest: ${descriptor.digest}` };
  }

  private async bring(descriptor: Descriptor, lines: ProgressLines, signal: AbortSignal): Promise<void> {
    if (!isDigest(descriptor.digest)) {
      const known = "naru stores images by sha256 and sha512";
      throw new NaruError("invalid", `unsupported digest ${descriptor.digest}: ${known}`);
    }
    const { content, records, publisher } = this.parts;
    const name = familiarName(this.canonical);
    // What is here already of its manifests is read from here.
    const plan = await planPull(this.remote, descriptor, content, { name, platform: this.wished, signal });
    this.checkPlatform(plan);
    await this.admit(descriptor, plan.image, signal);
    // Looked at last: it may have been removed meanwhile.
    if (!(await this.isHere(plan)) || !records.images.has(descriptor.digest)) {
      return await this.take(plan, lines, signal);
    }
    const names = this.names(descriptor.digest);
    this.isNews = names.includes(this.canonical);
    await publisher.name(descriptor.digest, names);
    if (this.isNews) await records.sync();
  }

  /** The signature policy's word, before any layer is fetched; from here on all goes by these digests. */
  private async admit({ digest }: Descriptor, { manifest }: PlatformImage, signal: AbortSignal): Promise<void> {
    const image = { reference: this.reference, digests: [digest, manifest] };
    await this.parts.policy.admitPull(image, this.remote, { signal });
  }

  /** True when the platform's image is here with all that it needs. */
  private async isHere({ descriptor, image, metadata }: PullPlan): Promise<boolean> {
    const record = this.parts.records.images.get(descriptor.digest);
    const isKnown = record !== undefined && platformImages(record).some(({ manifest }) => manifest === image.manifest);
    if (!isKnown || metadata.some(({ replaces }) => replaces)) return false;
    return (await missingLayers(this.parts, image)).length === 0;
  }

  private checkPlatform({ image }: PullPlan): void {
    if (!this.wished || fitsPlatform(image.config, this.wished)) return;
    this.warning =
      `WARNING: image with reference ${familiarName(this.canonical)} was found but its platform ` +
      `(${platformText(image.config)}) does not match the specified platform (${platformText(this.wished)})`;
  }

  private async take(plan: PullPlan, lines: ProgressLines, signal: AbortSignal): Promise<void> {
    const { records, partials, publisher } = this.parts;
    const { image, descriptor, metadata } = plan;
    const digests = planDigests(plan);
    const unpin = records.pin({ chainIds: image.chainIds, blobs: digests });
    const holds = image.layers.map(({ digest }) => partials.hold(digest));
    let release = async () => {};
    try {
      const layers = await bringLayers(this.parts, image, this.remote, lines, signal);
      release = layers.release;
      signal.throwIfAborted();
      const blobs: BlobSource[] = [...metadata, ...layers.blobs];
      const record: ImageRecord = imageRecord(descriptor, [image], uniqueBlobs(blobs));
      const sources = uniqueBlobs(blobs).map(({ digest }) => blobs.find((blob) => blob.digest === digest)!);
      await publisher.publish(record, sources, this.names(descriptor.digest));
      this.isNews = true;
      // Another pull of the same bytes may have been first to bring them into the store.
      for (const { digest } of image.layers) await partials.remove(digest);
    } finally {
      await release();
      for (const letGo of holds) letGo();
      unpin();
      await publisher.collect(image.chainIds, digests);
    }
  }

  /** Those of the names that the registry gave it (its tag, its digest in that repository) which are not known here. */
  private names(id: Digest): string[] {
    const all = new Set([this.canonical, `${repositoryOf(this.reference)}@${id}`]);
    return [...all].filter((reference) => this.parts.records.references.get(reference)?.id !== id);
  }
}
