/** What an answer says of the manifest in it, and whether that is true. */
import { createHash } from "node:crypto";
import { NaruError } from "../lib/errors.ts";
import type { Digest } from "../model/image.ts";
import { MEDIA } from "../model/media-types.ts";
import type { HttpReply } from "./http-reply.ts";

export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

export function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
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
