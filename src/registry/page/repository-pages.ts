/** Gathers what the pages of repositories show. */
import { NaruError } from "../../lib/errors.ts";
import type { Digest } from "../../model/image.ts";
import type { RegistryCatalog } from "../contract.ts";
import { allRepositories } from "../repositories.ts";
import { listAttachments } from "./attachments.ts";
import type { Html } from "./html.ts";
import { ImageReader } from "./image-facts.ts";
import { imagePage } from "./image-view.ts";
import { type RepositoryRow, repositoriesPage } from "./repositories-view.ts";
import { type TagRow, tagsPage } from "./tags-view.ts";
import type { Viewer } from "./viewer.ts";

const REPOSITORIES_PER_PAGE = 30;
const TAGS_PER_PAGE = 30;
/** Tags that belong to another image (signatures, lists of referrers) are shown there. */
const ATTACHED_TAG = /^sha(?:256|512)-[a-f0-9]{64}(?:\.[a-z]+)?$/;

interface TagRecord {
  name: string;
  digest: Digest;
  updatedAt: number;
}

export class RepositoryPages {
  readonly #images: ImageReader;

  constructor(
    private readonly catalog: RegistryCatalog,
    private readonly copyOf: (repository: string) => string | undefined,
  ) {
    this.#images = new ImageReader(catalog);
  }

  async repositories(viewer: Viewer, query: URLSearchParams): Promise<Html> {
    const search = (query.get("q") ?? "").trim();
    const after = query.get("after") || undefined;
    const names: string[] = [];
    let nextAfter: string | undefined;
    for await (const name of allRepositories(this.catalog, after)) {
      if (!name.includes(search.toLowerCase()) || !viewer.may(name, "pull")) continue;
      if (names.length === REPOSITORIES_PER_PAGE) {
        nextAfter = names.at(-1);
        break;
      }
      names.push(name);
    }
    const rows = await Promise.all(names.map((name) => this.#row(name)));
    return repositoriesPage(viewer, { rows, query: search, nextAfter, isFirst: after === undefined });
  }

  async tags(viewer: Viewer, repository: string, query: URLSearchParams): Promise<Html> {
    const search = (query.get("tag") ?? "").trim();
    const tags = await this.#tagRecords(repository);
    const shown = tags
      .filter(({ name }) => name.includes(search))
      .sort((a, b) => b.updatedAt - a.updatedAt || (a.name < b.name ? -1 : 1));
    const pages = Math.max(1, Math.ceil(shown.length / TAGS_PER_PAGE));
    const pageNumber = Math.min(pages, Math.max(1, Number.parseInt(query.get("page") ?? "1", 10) || 1));
    const onPage = shown.slice((pageNumber - 1) * TAGS_PER_PAGE, pageNumber * TAGS_PER_PAGE);
    const [rows, bytes] = await Promise.all([
      Promise.all(onPage.map((tag) => this.#tagRow(repository, tag))),
      this.catalog.repositorySize(repository),
    ]);
    const mayDelete = viewer.may(repository, "delete");
    return tagsPage(viewer, {
      repository,
      rows,
      tags: tags.length,
      bytes,
      query: search,
      pageNumber,
      pages,
      mayDelete,
    });
  }

  async image(viewer: Viewer, repository: string, reference: string, platform: string | undefined): Promise<Html> {
    const found = await this.#images.platforms(repository, reference);
    if (found === undefined) throw new NaruError("not-found", `${repository} has no ${reference}.`);
    const { descriptor, platforms } = found;
    const named = platforms.filter((entry) => entry.platform !== undefined);
    const chosen = platforms.find(({ digest }) => digest === platform) ?? named[0] ?? platforms[0];
    const image = chosen && (await this.#images.image(repository, chosen.digest));
    const digests = [...new Set([descriptor.digest, ...platforms.map(({ digest }) => digest)])];
    const [attachments, tag] = await Promise.all([
      listAttachments(this.catalog, repository, digests),
      this.#tagRecords(repository).then((tags) => tags.find(({ name }) => name === reference)),
    ]);
    const mayDelete = viewer.may(repository, "delete");
    const updatedAt = tag?.updatedAt;
    return imagePage(viewer, {
      repository,
      reference,
      descriptor,
      platforms,
      image,
      attachments,
      updatedAt,
      mayDelete,
    });
  }

  async #row(name: string): Promise<RepositoryRow> {
    const tags = await this.#tagRecords(name).catch((): TagRecord[] => []);
    const newest = tags.reduce<TagRecord | undefined>(
      (best, tag) => (best && best.updatedAt >= tag.updatedAt ? best : tag),
      undefined,
    );
    return {
      name,
      tags: tags.length,
      newestTag: newest?.name,
      updatedAt: newest?.updatedAt,
      copyOf: this.copyOf(name),
    };
  }

  async #tagRow(repository: string, { name, digest, updatedAt }: TagRecord): Promise<TagRow> {
    const found = await this.#images.platforms(repository, digest).catch(() => undefined);
    return { name, digest, updatedAt, platforms: found?.platforms ?? [] };
  }

  async #tagRecords(repository: string): Promise<TagRecord[]> {
    const tags = await Array.fromAsync(this.catalog.listTagRecords(repository));
    return tags.filter(({ name }) => !ATTACHED_TAG.test(name));
  }
}
