import { humanDuration } from "../../lib/human-duration.ts";
import { humanSize } from "../../lib/human-size.ts";
import type { ImageSummary } from "../../model/image.ts";
import type { RowKind } from "../format.ts";
import { rowFields } from "./row-fields.ts";
import { GO_ZERO_TIME, goTime, shortId } from "./row-text.ts";

const NONE = "<none>";
const CREATED_SINCE = "{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}";

const HEADERS: Record<string, string> = {
  ID: "IMAGE ID",
  Repository: "REPOSITORY",
  Tag: "TAG",
  Digest: "DIGEST",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  Size: "SIZE",
  Containers: "CONTAINERS",
  VirtualSize: "SIZE",
  SharedSize: "SHARED SIZE",
  UniqueSize: "UNIQUE SIZE",
};

type ImageRow = ReturnType<typeof imageRow>;

/** Images as `images` shows them. */
export function imageKind(withDigest: boolean): RowKind<ImageRow> {
  return {
    typeName: "*formatter.imageContext",
    fields: rowFields(HEADERS),
    table: imageTable(withDigest),
    quiet: "{{.ID}}",
    raw: imageRaw(withDigest),
  };
}

/** Images as `system df -v` shows them. */
export const IMAGE_USAGE_KIND: RowKind<ImageRow> = {
  typeName: "*formatter.imageContext",
  fields: rowFields(HEADERS),
  table: `{{.Repository}}\t{{.Tag}}\t{{.ID}}\t${CREATED_SINCE}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}`,
};

function imageTable(withDigest: boolean): string {
  const columns = ["Repository", "Tag", ...(withDigest ? ["Digest"] : []), "ID", "CreatedSince", "Size"];
  return columns.map((column) => (column === "CreatedSince" ? CREATED_SINCE : `{{.${column}}}`)).join("\t");
}

/** The older `--format raw`. */
function imageRaw(withDigest: boolean): string {
  return [
    "repository: {{.Repository}}",
    "{{if .Tag}}tag: {{.Tag}}",
    ...(withDigest ? ["{{end -}}\n{{if .Digest}}digest: {{.Digest}}"] : []),
    "{{end -}}\nimage_id: {{.ID}}",
    "created_at: {{.CreatedAt}}",
    "virtual_size: {{.Size}}",
    "",
  ].join("\n");
}

/** One name of an image: a tag, a digest, or neither. */
interface ImageName {
  repository: string;
  tag: string;
  digest: string;
}

/** The rows an image takes: one per tag; with `withDigest` its digests are told too. */
export function imageNames(image: ImageSummary, withDigest: boolean): ImageName[] {
  const tags = new Map<string, string[]>();
  const digests = new Map<string, string[]>();
  for (const reference of image.RepoTags ?? []) {
    const colon = reference.lastIndexOf(":");
    if (colon > reference.lastIndexOf("/")) add(tags, reference.slice(0, colon), reference.slice(colon + 1));
  }
  for (const reference of image.RepoDigests ?? []) {
    const at = reference.indexOf("@");
    if (at > 0) add(digests, reference.slice(0, at), reference.slice(at + 1));
  }
  tags.delete(NONE);
  digests.delete(NONE);
  if (tags.size === 0 && digests.size === 0) return [{ repository: NONE, tag: NONE, digest: NONE }];
  const names: ImageName[] = [];
  for (const [repository, list] of tags) names.push(...taggedNames(repository, list, digests, withDigest));
  for (const [repository, list] of digests) {
    if (withDigest) names.push(...list.map((digest) => ({ repository, tag: NONE, digest })));
    else names.push({ repository, tag: NONE, digest: NONE });
  }
  return names;
}

/** Takes the digests it uses out of `digests`, so that what remains there belongs to no tag. */
function taggedNames(
  repository: string,
  tags: string[],
  digests: Map<string, string[]>,
  withDigest: boolean,
): ImageName[] {
  const own = digests.get(repository) ?? [];
  digests.delete(repository);
  if (!withDigest || own.length === 0) return tags.map((tag) => ({ repository, tag, digest: NONE }));
  return tags.flatMap((tag) => own.map((digest) => ({ repository, tag, digest })));
}

function add(map: Map<string, string[]>, key: string, value: string): void {
  map.set(key, [...(map.get(key) ?? []), value]);
}

/** An image under one of its names, as templates see it. */
export function imageRow(image: ImageSummary, name: ImageName, truncate: boolean, nowMs = Date.now()) {
  const isShared = image.SharedSize !== undefined && image.SharedSize !== -1;
  return {
    ID: truncate ? shortId(image.Id) : image.Id,
    Repository: name.repository,
    Tag: name.tag,
    Digest: name.digest,
    CreatedSince: image.Created > GO_ZERO_TIME ? `${humanDuration(nowMs - image.Created * 1000)} ago` : "",
    // asked for rarely, and time zones take milliseconds to load
    get CreatedAt() {
      return goTime(image.Created);
    },
    Size: humanSize(image.Size, 3),
    Containers: image.Containers === -1 || image.Containers === undefined ? "N/A" : String(image.Containers),
    VirtualSize: humanSize(image.Size),
    SharedSize: isShared ? humanSize(image.SharedSize) : "N/A",
    UniqueSize: isShared ? humanSize(image.Size - image.SharedSize) : "N/A",
  };
}
