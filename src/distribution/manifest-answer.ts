/** What an answer says of the manifest in it, and whether that is true. */
import { algorithmOf, digestOf, isDigest } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import type { Digest } from "../model/image.ts";
import { MEDIA } from "../model/media-types.ts";
import type { HttpReply } from "./http-reply.ts";

/** Of the bytes, by the algorithm of what was asked for or told, where that is a digest. */
export function comparableDigest(bytes: Uint8Array, ...told: (string | null)[]): Digest {
  const digest = told.find((text) => isDigest(text));
  return digestOf(bytes, digest && algorithmOf(digest));
}

export function checkAskedDigest(reference: string, digest: string): void {
  if (!isDigest(reference) || reference === digest) return;
  throw new NaruError("invalid", `manifest verification failed for digest ${reference}: the registry sent ${digest}`);
}

/** Content-Type without parameters. */
export function plainType(reply: HttpReply): string {
  return (reply.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
}

/** What the registry says it is; where it says nothing useful, what the manifest says of itself. */
export function manifestType(reply: HttpReply, bytes: Uint8Array): string {
  const told = plainType(reply);
  if (told.endsWith("+json") || told.endsWith("+prettyjws")) return told;
  let manifest: { mediaType?: unknown; manifests?: unknown };
  try {
    manifest = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new NaruError("invalid", `the registry sent a manifest that is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (typeof manifest?.mediaType === "string") return manifest.mediaType;
  return Array.isArray(manifest?.manifests) ? MEDIA.index : MEDIA.manifest;
}
