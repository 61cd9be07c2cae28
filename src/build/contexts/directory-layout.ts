/** An OCI image layout that came as a directory of files. */
import { readFile } from "node:fs/promises";
import { isDigest } from "../../lib/digest.ts";
import { isKind, NaruError } from "../../lib/errors.ts";
import type { Descriptor, Digest, Index } from "../../model/image.ts";
import type { ClientLayout, ContextSource } from "../contract.ts";
import { placeInside } from "../solver/exec-mounts.ts";
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
    const path = await this.placeOf(blobPath(checkedDigest(digest)), signal);
    const file = path === undefined ? undefined : Bun.file(path);
    if (!(await file?.exists())) {
      throw new NaruError("not-found", `the OCI layout ${this.name} lacks the blob ${digest}`);
    }
    yield* file!.stream() as AsyncIterable<Uint8Array>;
  }

  private async manifests(signal: AbortSignal): Promise<Descriptor[]> {
    const path = await this.placeOf("index.json", signal);
    try {
      if (path === undefined) throw new Error("index.json is missing");
      const { manifests } = JSON.parse(await readFile(path, "utf8")) as Index;
      return Array.isArray(manifests) ? manifests : [];
    } catch (cause) {
      throw new NaruError("invalid", `${this.name} is no OCI layout: its index.json cannot be read`, { cause });
    }
  }

  /** Of what lies at a path of the layout, whose links lead nowhere else; undefined when nothing does. */
  private async placeOf(path: string, signal: AbortSignal): Promise<string | undefined> {
    this.directory ??= this.source.sync({ signal });
    const directory = await this.directory;
    try {
      return placeInside(directory, path);
    } catch (error) {
      if (isKind(error, "not-found")) return undefined;
      throw error;
    }
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
