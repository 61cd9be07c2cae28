/** An OCI image layout that came as a directory of files. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDigest } from "../../lib/digest.ts";
import { isKind, NaruError } from "../../lib/errors.ts";
import type { Descriptor, Digest, Index } from "../../model/image.ts";
import type { ClientLayout, ContextSource } from "../contract.ts";
import { blobPath } from "../solver/layout-tar.ts";

/** Which manifest of the layout: by its tag, by its digest, or the first. */
export interface LayoutChoice {
  tag?: string;
  digest?: string;
}

const TAG_ANNOTATION = "org.opencontainers.image.ref.name";

export class DirectoryLayout implements ClientLayout {
  private directory: Promise<string> | undefined;

  constructor(
    private readonly source: ContextSource,
    private readonly choice: LayoutChoice = {},
  ) {}

  get name(): string {
    return this.source.name;
  }

  async root(signal: AbortSignal): Promise<Digest> {
    const { tag, digest } = this.choice;
    if (digest !== undefined) return checkedDigest(digest);
    const manifests = await this.manifests(signal);
    const found = tag === undefined ? manifests[0] : manifests.find((one) => isTagged(one, tag));
    if (!found) {
      const wanted = tag === undefined ? "no manifest" : `no manifest with the tag ${tag}`;
      throw new NaruError("not-found", `the OCI layout ${this.name} has ${wanted} in its index.json`);
    }
    return checkedDigest(found.digest);
  }

  async *read(digest: Digest, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const file = Bun.file(join(await this.synced(signal), blobPath(checkedDigest(digest))));
    if (!(await file.exists()))
      throw new NaruError("not-found", `the OCI layout ${this.name} lacks the blob ${digest}`);
    yield* file.stream() as AsyncIterable<Uint8Array>;
  }

  private async manifests(signal: AbortSignal): Promise<Descriptor[]> {
    const directory = await this.synced(signal);
    try {
      const { manifests } = JSON.parse(await readFile(join(directory, "index.json"), "utf8")) as Index;
      return Array.isArray(manifests) ? manifests : [];
    } catch (cause) {
      if (isKind(cause, "not-found")) throw cause;
      throw new NaruError("invalid", `${this.name} is no OCI layout: its index.json cannot be read`, { cause });
    }
  }

  private synced(signal: AbortSignal): Promise<string> {
    this.directory ??= this.source.sync({ signal });
    return this.directory;
  }
}

/** A tag stands alone or behind a name. */
function isTagged({ annotations }: Descriptor, tag: string): boolean {
  const name = annotations?.[TAG_ANNOTATION];
  return name === tag || name?.endsWith(`:${tag}`) === true;
}

function checkedDigest(text: string): Digest {
  if (!isDigest(text)) throw new NaruError("invalid", `${JSON.stringify(text)} is no digest`);
  return text;
}
