import { CliError } from "./cli-error.ts";

/** A name of an image as one types it, taken apart. */
export interface ImageReference {
  /** As people write it: without `docker.io/` and `library/`. */
  familiarName: string;
  tag: string | undefined;
  digest: string | undefined;
}

const PATH_PART = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const PATH = new RegExp(`^${PATH_PART}(?:/${PATH_PART})*$`);
const HOST =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[0-9a-fA-F:]+\])(?::\d+)?$/;
const TAG = /^[\w][\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const IMAGE_ID = /^[0-9a-f]{64}$/;
const HUB = "docker.io";

/**
 * Reads an image name (`nginx`, `host:5000/team/app:1.2@sha256:…`). Throws CliError with the words of docker's
 * reference library.
 */
export function parseReference(text: string): ImageReference {
  if (IMAGE_ID.test(text)) {
    throw new CliError(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const [host, rest] = splitHost(text);
  const [beforeDigest = "", digest] = splitAt(rest, "@");
  const [path = "", tag] = splitAt(beforeDigest, ":");
  if (path.toLowerCase() !== path) {
    throw new CliError(`invalid reference format: repository name (${path}) must be lowercase`);
  }
  const isValid =
    HOST.test(host) &&
    PATH.test(path) &&
    (tag === undefined || TAG.test(tag)) &&
    (digest === undefined || DIGEST.test(digest));
  if (!isValid) throw new CliError("invalid reference format");
  const familiarPath = host === HUB && /^library\/[^/]+$/.test(path) ? path.slice("library/".length) : path;
  return { familiarName: host === HUB ? familiarPath : `${host}/${path}`, tag, digest };
}

/** Separates the registry's host, which has a dot, a port, or is `localhost`. */
function splitHost(text: string): [host: string, rest: string] {
  const slash = text.indexOf("/");
  const first = text.slice(0, slash);
  const isHost = slash >= 0 && (/[.:]/.test(first) || first === "localhost" || first.toLowerCase() !== first);
  let host = isHost ? first : HUB;
  let rest = isHost ? text.slice(slash + 1) : text;
  if (host === "index.docker.io") host = HUB;
  if (host === HUB && !rest.includes("/")) rest = `library/${rest}`;
  return [host, rest];
}

function splitAt(text: string, separator: string): [before: string, after: string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** The reference as people write it. */
export function familiarText({ familiarName, tag, digest }: ImageReference): string {
  return `${familiarName}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}
