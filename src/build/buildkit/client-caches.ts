/** Caches that BuildKit clients name: in registries, inside images, in directories of the client's. */
import { isDigest } from "../../lib/digest.ts";
import { NaruError } from "../../lib/errors.ts";
import type { CacheOrigin, CacheTarget } from "../contract.ts";
import type { Attributes } from "./messages.ts";
import { SessionLayout, storeName, writeLayout } from "./session-layout.ts";
import type { BuildSession } from "./session-registry.ts";

/** Kinds that BuildKit has beside naru's: services of others that no daemon of one machine should have keys for. */
const SERVICES: Record<string, string> = {
  gha: "GitHub's cache service",
  s3: "an S3 bucket",
  azblob: "Azure's blob storage",
};

/** @throws {NaruError} invalid for kinds that naru does not have */
export function cacheTargetOf(
  { Type, Attrs }: Attributes,
  session: BuildSession | undefined,
  signal: AbortSignal,
): CacheTarget {
  const { ref = "", mode: given = "min", dest = "", ...attributes } = Attrs;
  const mode = modeOf(given);
  checkCompression(attributes.compression);
  switch (Type) {
    case "inline":
      return { type: "inline" };
    case "registry":
      if (ref === "") throw new NaruError("invalid", "a cache export to a registry needs ref=NAME");
      return { type: "registry", ref, mode, attributes };
    case "local": {
      const owner = ownerOf(session, dest, "dest");
      return {
        type: "local",
        mode,
        attributes,
        write: (blobs) => writeLayout(owner, storeName.cache(dest), blobs, signal),
      };
    }
    default:
      throw unknownKind("export to", Type, "registry, inline or local");
  }
}

/** @throws {NaruError} invalid for kinds that naru does not have */
export function cacheOriginOf({ Type, Attrs }: Attributes, session: BuildSession | undefined): CacheOrigin {
  const { ref = "", src = "", digest = "", ...attributes } = Attrs;
  switch (Type) {
    case "registry":
      if (ref === "") throw new NaruError("invalid", "a cache import from a registry needs ref=NAME");
      return { type: "registry", ref, attributes };
    case "local": {
      const owner = ownerOf(session, src, "src");
      if (!isDigest(digest)) throw new NaruError("invalid", `the cache directory ${src} names no manifest (digest)`);
      return { type: "local", layout: new SessionLayout(src, owner, storeName.cache(src), digest) };
    }
    default:
      throw unknownKind("import from", Type, "registry or local");
  }
}

function modeOf(text: string): "min" | "max" {
  if (text === "min" || text === "max") return text;
  throw new NaruError("invalid", `invalid mode ${text} of a cache export: use min or max`);
}

function checkCompression(text = ""): void {
  if (["", "gzip", "zstd", "uncompressed"].includes(text)) return;
  throw new NaruError(
    "invalid",
    `compression ${text} of a cache export is not supported: use gzip, zstd or uncompressed`,
  );
}

function ownerOf(session: BuildSession | undefined, directory: string, attribute: string): BuildSession {
  if (directory === "") throw new NaruError("invalid", `a cache of type local needs ${attribute}=DIRECTORY`);
  if (session === undefined) throw new NaruError("invalid", "a build without a session has no directory for its cache");
  return session;
}

function unknownKind(what: string, type: string, known: string): NaruError {
  const service = SERVICES[type];
  const place = service === undefined ? type : `${type} (${service})`;
  return new NaruError("invalid", `cache ${what} ${place} is not supported: use type=${known}`);
}
