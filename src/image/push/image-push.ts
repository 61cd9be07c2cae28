/** `docker push`: images go to a registry as they are, byte for byte; what is there already does not travel. */
import type { RegistryClient, RegistryCredentials, RemoteRepository } from "../../distribution/contract.ts";
import { isKind, NaruError } from "../../lib/errors.ts";
import { canonicalReference, familiarName, type Reference, repositoryOf } from "../../lib/image-reference.ts";
import { platformText } from "../../lib/platform.ts";
import type { Slots } from "../../lib/slots.ts";
import type { Descriptor } from "../../model/image.ts";
import type { LocalChunkLists } from "../chunks/local-chunk-lists.ts";
import type { ContentStore } from "../content-store.ts";
import type { ProgressLine, PushRequest } from "../contract.ts";
import type { ImageCatalog } from "../image-catalog.ts";
import type { ImagePublisher } from "../image-publisher.ts";
import type { ImageRecord, ImageRecords } from "../image-records.ts";
import { ProgressLines } from "../progress-lines.ts";
import { BlobPusher, knownRepositories } from "./blob-push.ts";
import { type PushPlan, planPush, planSinglePush } from "./push-plan.ts";

export interface PushParts {
  registries: RegistryClient;
  records: ImageRecords;
  catalog: ImageCatalog;
  content: ContentStore;
  chunkLists: LocalChunkLists;
  publisher: ImagePublisher;
  uploadSlots: Slots;
}

/**
 * Pushes an image under its tag, or without one every tag of the repository.
 * @throws {NaruError} after the first message: what is not here, what the registry says
 */
export async function* pushImages(
  parts: PushParts,
  { reference, platform, credentials }: PushRequest,
  signal: AbortSignal,
): AsyncGenerator<ProgressLine, void> {
  if (platform && reference.tag !== undefined) {
    // Told before the first message, as in Docker.
    const record = parts.catalog.find(canonicalReference(reference));
    if (record) parts.catalog.get(record.id, platform);
  }
  yield { status: `The push refers to repository [${repositoryOf(reference)}]` };
  for (const tagged of taggedReferences(parts.records, reference)) {
    const canonical = canonicalReference(tagged);
    const record = parts.catalog.getRecord(canonical);
    const name = familiarName(canonical);
    const plan = await planPush(record, platform, name, parts);
    const push = new Push(parts, tagged, record, plan, credentials, signal);
    yield* push.run();
  }
}

/** @throws {NaruError} not-found, in Docker's words */
function taggedReferences(records: ImageRecords, reference: Reference): Reference[] {
  const repository = repositoryOf(reference);
  const tags = [...records.references.entries()]
    .map(([name]) => name)
    .filter((name) => name.startsWith(`${repository}:`))
    .map((name) => name.slice(repository.length + 1))
    .sort();
  if (tags.length === 0) {
    throw new NaruError("not-found", `An image does not exist locally with the tag: ${familiarName(repository)}`);
  }
  if (reference.tag === undefined) return tags.map((tag) => ({ ...reference, tag }));
  if (tags.includes(reference.tag)) return [reference];
  throw new NaruError("not-found", `tag does not exist: ${familiarName(repository)}:${reference.tag}`);
}

/** The way of one tag. */
class Push {
  private readonly tag: string;
  private readonly remote: RemoteRepository;

  constructor(
    private readonly parts: PushParts,
    private readonly reference: Reference,
    private readonly record: ImageRecord,
    private plan: PushPlan,
    credentials: RegistryCredentials | undefined,
    private readonly signal: AbortSignal,
  ) {
    this.tag = reference.tag ?? "latest";
    const { domain, path } = reference;
    const digests = plan.layers.map(({ descriptor }) => descriptor.digest);
    const mountFrom = knownRepositories(parts.records, reference, digests).map(({ path: other }) => other);
    this.remote = parts.registries.repository({ domain, path }, { credentials, actions: "pull,push", mountFrom });
  }

  async *run(): AsyncGenerator<ProgressLine, void> {
    const letGo = this.parts.publisher.keep({ blobs: this.record.blobs.map(({ digest }) => digest) });
    const stop = new AbortController();
    const lines = new ProgressLines();
    const work = this.send(lines, AbortSignal.any([this.signal, stop.signal])).then(
      () => lines.end(),
      (error) => lines.fail(error),
    );
    try {
      yield* lines.read();
    } finally {
      stop.abort(new NaruError("unavailable", "the push was cancelled"));
      await work;
      await letGo();
    }
  }

  private async send(lines: ProgressLines, signal: AbortSignal): Promise<void> {
    for (const { label } of this.plan.layers) lines.step(label, "Preparing");
    const instead = await this.withoutWhatIsMissing(signal);
    const blobs = new BlobPusher({ ...this.parts, slots: this.parts.uploadSlots }, this.remote, lines, signal);
    await blobs.push(this.plan);
    for (const { descriptor, bytes } of this.plan.children) {
      await this.remote.pushManifest(descriptor.digest, { mediaType: descriptor.mediaType, bytes }, { signal });
    }
    const { descriptor, bytes } = this.plan.top;
    await this.remote.pushManifest(this.tag, { mediaType: descriptor.mediaType, bytes }, { signal });
    await this.remember();
    const { digest, size } = descriptor;
    lines.say({ status: `${this.tag}: digest: ${digest} size: ${size}` });
    lines.say({ progressDetail: {}, aux: { Tag: this.tag, Digest: digest, Size: size } });
    if (instead) lines.say({ progressDetail: {}, aux: instead });
  }

  /**
   * An index is pushed whole: platforms that are not here must be at the registry. Otherwise the one platform that is here
   * goes alone, as in Docker, which tells so in the answer.
   */
  private async withoutWhatIsMissing(signal: AbortSignal): Promise<object | undefined> {
    const { missing, onlyPlatform, top } = this.plan;
    const absent: Descriptor[] = [];
    for (const descriptor of missing) if (!(await this.isThere(descriptor, signal))) absent.push(descriptor);
    if (absent.length === 0) return undefined;
    if (!onlyPlatform) {
      const platforms = absent.map(({ platform, digest }) => (platform ? platformText(platform) : digest)).join(", ");
      throw new NaruError(
        "not-found",
        `the index of ${familiarName(canonicalReference(this.reference))} also names ${platforms}, which are neither here ` +
          "nor at the registry: pull them (pull --platform), or push one platform (push --platform)",
      );
    }
    this.plan = await planSinglePush(this.record, onlyPlatform, this.parts.content);
    return {
      manifestPushedInsteadOfIndex: true,
      originalIndex: top.descriptor,
      selectedManifest: this.plan.top.descriptor,
    };
  }

  private async isThere({ digest }: Descriptor, signal: AbortSignal): Promise<boolean> {
    try {
      await this.remote.resolve(digest, { signal });
      return true;
    } catch (error) {
      if (isKind(error, "not-found")) return false;
      throw error;
    }
  }

  /** From now on the image is known to be in that repository. */
  private async remember(): Promise<void> {
    const { digest } = this.plan.top.descriptor;
    // One platform of an index has no name of its own here.
    if (digest !== this.record.id) return;
    const byDigest = `${repositoryOf(this.reference)}@${digest}`;
    const { records, publisher } = this.parts;
    const isKnown = records.references.get(byDigest)?.id === digest;
    // It may have been removed while it was pushed.
    if (!isKnown && records.images.has(digest)) await publisher.name(digest, [byDigest]);
  }
}
