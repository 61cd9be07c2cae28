/**
 * The list of what refers to a digest, kept under a tag by the clients where the registry has no referrers API
 * (distribution specification 1.1, "Referrers Tag Schema").
 */
import { algorithmOf, hexOf } from "../lib/digest.ts";
import { isKind } from "../lib/errors.ts";
import type { Descriptor, Digest, Index, Manifest } from "../model/image.ts";
import { MEDIA } from "../model/media-types.ts";
import type { RemoteRepository } from "./contract.ts";

type Repository = Pick<RemoteRepository, "fetchManifest" | "pushManifest" | "deleteManifest"> & {
  hasReferrersApi(digest: Digest, signal?: AbortSignal): Promise<boolean>;
};

const TAG_DIGITS = 64;

/** Changes of one list by this process go one after the other. */
const turns = new Map<string, Promise<unknown>>();

export class ReferrersTag {
  constructor(
    private readonly repository: Repository,
    private readonly name: string,
  ) {}

  async list(subject: Digest, signal?: AbortSignal): Promise<Descriptor[]> {
    try {
      const { bytes } = await this.repository.fetchManifest(tagOf(subject), { signal });
      return parse<Index>(bytes)?.manifests ?? [];
    } catch (error) {
      if (isKind(error, "not-found")) return [];
      throw error;
    }
  }

  /** Puts a manifest that was pushed on its subject's list; nothing when it has no subject. */
  async add(bytes: Uint8Array, descriptor: Descriptor, signal?: AbortSignal): Promise<void> {
    const manifest = parse<Manifest>(bytes);
    const subject = manifest?.subject?.digest;
    if (!manifest || subject === undefined) return;
    const { artifactType = manifest.config?.mediaType, annotations } = manifest;
    const entry = { ...descriptor, ...(artifactType && { artifactType }), ...(annotations && { annotations }) };
    await this.change(subject, signal, (list) =>
      list.some(({ digest }) => digest === entry.digest) ? undefined : [...list, entry],
    );
  }

  /** The subject whose list names this manifest and is kept by clients; undefined when there is none. */
  async findMember(digest: Digest, signal?: AbortSignal): Promise<Digest | undefined> {
    try {
      const { bytes } = await this.repository.fetchManifest(digest, { signal });
      const subject = parse<Manifest>(bytes)?.subject?.digest;
      if (subject === undefined || (await this.repository.hasReferrersApi(subject, signal))) return undefined;
      return subject;
    } catch (error) {
      if (isKind(error, "not-found")) return undefined;
      throw error;
    }
  }

  async remove(subject: Digest, digest: Digest, signal?: AbortSignal): Promise<void> {
    await this.change(subject, signal, (list) => {
      const rest = list.filter((item) => item.digest !== digest);
      return rest.length === list.length ? undefined : rest;
    });
  }

  private async change(
    subject: Digest,
    signal: AbortSignal | undefined,
    edit: (list: Descriptor[]) => Descriptor[] | undefined,
  ): Promise<void> {
    const key = `${this.name}@${subject}`;
    const turn = (turns.get(key) ?? Promise.resolve())
      .catch(() => {})
      .then(async () => {
        const manifests = edit(await this.list(subject, signal));
        if (manifests === undefined) return;
        const index: Index = { schemaVersion: 2, mediaType: MEDIA.index, manifests };
        const bytes = new TextEncoder().encode(JSON.stringify(index));
        await this.repository.pushManifest(tagOf(subject), { mediaType: MEDIA.index, bytes }, { signal });
      });
    turns.set(key, turn);
    try {
      await turn;
    } finally {
      if (turns.get(key) === turn) turns.delete(key);
    }
  }
}

/** "sha256:ab…" becomes the tag "sha256-ab…"; of longer digests the specification takes the first 64 digits. */
function tagOf(digest: Digest): string {
  return `${algorithmOf(digest)}-${hexOf(digest).slice(0, TAG_DIGITS)}`;
}

function parse<T>(bytes: Uint8Array): T | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
