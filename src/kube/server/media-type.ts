/** Which form of an answer a client wants (Accept), and in which form a body came (Content-Type). */
import { stringify as yamlText } from "yaml";
import { StatusError } from "../status.ts";
import { decodeProtobuf } from "./protobuf/decode-protobuf.ts";
import { yamlToJson } from "./yaml-body.ts";

/** How an object is shown: as it is, its metadata alone, or as the rows of a table. */
export type Shape = "object" | "metadata" | "table";

export interface Wish {
  format: "json" | "yaml";
  shape: Shape;
  /** For shapes: the version of meta.k8s.io. */
  version: string;
  /** Aggregated discovery is wanted in this version of apidiscovery.k8s.io. */
  discovery: string | undefined;
}

interface MediaRange {
  type: string;
  parameters: Map<string, string>;
}

const PLAIN: Wish = { format: "json", shape: "object", version: "v1", discovery: undefined };
const SERVED = "application/json, application/yaml";
const TAKEN = `${SERVED}, application/vnd.kubernetes.protobuf`;
const SHAPES: Record<string, Shape> = {
  Table: "table",
  PartialObjectMetadata: "metadata",
  PartialObjectMetadataList: "metadata",
};
/** One clause of Accept is read again and again: a client sends the same with each request. */
const known = new Map<string, Wish>();
const MAX_KNOWN = 100;

/** As wishOf, for answers that are no stored objects: they have no table and no metadata. @throws StatusError NotAcceptable */
export function plainWishOf(accept: string | undefined): Wish {
  if (accept === undefined || accept === "" || accept === "*/*") return PLAIN;
  const found = parseRanges(accept)
    .map(understood)
    .find((wish) => wish?.shape === "object" && wish.discovery === undefined);
  if (found === undefined) throw notAcceptable();
  return found;
}

function notAcceptable(): StatusError {
  return new StatusError("NotAcceptable", `only the following media types are accepted: ${SERVED}`);
}

/**
 * The first form of the header that naru speaks: JSON or YAML. Protobuf is passed over, as clients name JSON beside it.
 * @throws StatusError NotAcceptable when there is none
 */
export function wishOf(accept: string | undefined): Wish {
  if (accept === undefined || accept === "" || accept === "*/*") return PLAIN;
  const found =
    known.get(accept) ??
    parseRanges(accept)
      .map(understood)
      .find((wish) => wish !== undefined);
  if (found === undefined) throw notAcceptable();
  if (known.size < MAX_KNOWN) known.set(accept, found);
  return found;
}

function understood({ type, parameters }: MediaRange): Wish | undefined {
  const format = FORMATS[type];
  if (format === undefined) return undefined;
  const as = parameters.get("as");
  if (as === undefined) return { ...PLAIN, format };
  const version = parameters.get("v") ?? "v1";
  const group = parameters.get("g");
  if (group === "apidiscovery.k8s.io" && as === "APIGroupDiscoveryList") {
    return version === "v2" || version === "v2beta1" ? { ...PLAIN, format, discovery: version } : undefined;
  }
  const shape = group === "meta.k8s.io" ? SHAPES[as] : undefined;
  return shape === undefined || (version !== "v1" && version !== "v1beta1")
    ? undefined
    : { ...PLAIN, format, shape, version };
}

const FORMATS: Record<string, Wish["format"]> = {
  "application/json": "json",
  "application/*": "json",
  "*/*": "json",
  "text/html": "json",
  "application/yaml": "yaml",
};

/** In the order of the header; quality values decide before it (RFC 9110, 12.5.1). */
function parseRanges(accept: string): MediaRange[] {
  const ranges = accept.split(",").map((clause) => {
    const [type = "", ...words] = clause.split(";").map((word) => word.trim());
    const parameters = new Map(words.map((word) => word.split("=", 2) as [string, string]));
    return { type: type.toLowerCase(), parameters, quality: Number(parameters.get("q") ?? 1) };
  });
  return ranges.sort((a, b) => b.quality - a.quality);
}

/** A value as text in the wished format. */
export function encodeAs(format: Wish["format"], json: string): string {
  return format === "json" ? `${json}\n` : yamlText(JSON.parse(json), { version: "1.1", lineWidth: 0 });
}

export function contentTypeOf({ format, shape, version }: Wish, as?: string): string {
  const type = `application/${format}`;
  return shape === "object" || as === undefined ? type : `${type};as=${as};v=${version};g=meta.k8s.io`;
}

/**
 * A request's body (JSON, YAML, protobuf) as JSON text.
 * @throws StatusError UnsupportedMediaType for other formats, BadRequest for YAML that cannot be read
 */
export function jsonBody(contentType: string | undefined, body: Buffer): string {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase() ?? "application/json";
  if (type === "application/json" || type === "") return body.toString("utf8");
  if (type === "application/yaml") return yamlToJson(body.toString("utf8"));
  if (type === "application/vnd.kubernetes.protobuf") return JSON.stringify(decodeProtobuf(body));
  throw new StatusError(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${TAKEN}`,
  );
}
