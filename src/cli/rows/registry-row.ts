import { humanSize } from "../../lib/human-size.ts";
import type { RowKind } from "../format.ts";
import { rowFields } from "./row-fields.ts";

/** A repository as naru's registry tells it; other registries tell only the name. */
export interface RepositoryFacts {
  name: string;
  tags?: number;
  bytes?: number;
}

type RepositoryRow = ReturnType<typeof repositoryRow>;
type TagRow = ReturnType<typeof tagRow>;

/** Repositories as `registry ls HOST` shows them. */
export const REPOSITORY_KIND: RowKind<RepositoryRow> = {
  typeName: "*registry.repositoryContext",
  fields: rowFields<RepositoryRow>({ Repository: "REPOSITORY", Tags: "TAGS", Size: "SIZE" }),
  table: "{{.Repository}}\t{{.Tags}}\t{{.Size}}",
  quiet: "{{.Repository}}",
};

/** Tags as `registry ls HOST/REPOSITORY` shows them. */
export const TAG_KIND: RowKind<TagRow> = {
  typeName: "*registry.tagContext",
  fields: rowFields<TagRow>({ Tag: "TAG", Digest: "DIGEST" }),
  table: "{{.Tag}}\t{{.Digest}}",
  quiet: "{{.Tag}}",
};

export function repositoryRow({ name, tags, bytes }: RepositoryFacts) {
  return {
    Repository: name,
    Tags: tags === undefined ? "" : String(tags),
    Size: bytes === undefined ? "" : humanSize(bytes),
  };
}

export function tagRow(tag: string, digest: string) {
  return { Tag: tag, Digest: digest };
}
