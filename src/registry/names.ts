/** Names in a registry: repositories, tags, digests, uploads (OCI distribution specification 1.1, "Pulling manifests"). */
import { createHash, randomUUID } from "node:crypto";
import type { Digest } from "../model/image.ts";
import { RegistryError } from "./registry-error.ts";

const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
/** As Docker limits names, host included; also what a file name can hold. */
const MAX_REPOSITORY = 255;
const TAG = /^[\w][\w.-]{0,127}$/;
const DIGEST_FORM = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/;
const HEX_DIGITS = { sha256: 64, sha512: 128 } as const;
const UPLOAD = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9a-f]{16}$/;

type DigestAlgorithm = keyof typeof HEX_DIGITS;

/** @throws NAME_INVALID */
export function checkRepository(name: string): void {
  if (name.length <= MAX_REPOSITORY && REPOSITORY.test(name)) return;
  throw new RegistryError(
    "NAME_INVALID",
    "invalid repository name: parts of lower-case letters, digits and single separators (. _ __ -), joined by slashes",
    { detail: { name: name.slice(0, MAX_REPOSITORY) } },
  );
}

/** @throws TAG_INVALID */
export function checkTag(tag: string): void {
  if (TAG.test(tag)) return;
  throw new RegistryError(
    "TAG_INVALID",
    "invalid tag: up to 128 letters, digits, _ . and -, not beginning with . or -",
    {
      detail: { tag: tag.slice(0, 256) },
    },
  );
}

/** A digest of an algorithm that is computed here; sha512 passes under the same type. @throws DIGEST_INVALID */
export function parseDigest(text: string): Digest {
  const [algorithm, hex] = splitDigest(text as Digest);
  const digits = HEX_DIGITS[algorithm];
  if (digits !== undefined && hex.length === digits && /^[0-9a-f]+$/.test(hex)) return text as Digest;
  const reason =
    DIGEST_FORM.test(text) && digits === undefined ? "this registry computes sha256 and sha512" : "malformed";
  throw new RegistryError("DIGEST_INVALID", `invalid digest: ${reason}`, { detail: { digest: text.slice(0, 256) } });
}

/** True for what looks like a digest: tags have no colon. */
export function isDigest(reference: string): boolean {
  return reference.includes(":");
}

export function splitDigest(digest: Digest): [algorithm: DigestAlgorithm, hex: string] {
  const colon = digest.indexOf(":");
  return [digest.slice(0, Math.max(colon, 0)) as DigestAlgorithm, digest.slice(colon + 1)];
}

export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}` as Digest;
}

/** An upload belongs to the repository in which it began: its id says so, without anything being stored. */
export function newUploadId(repository: string): string {
  return `${randomUUID()}-${repositoryMark(repository)}`;
}

/** @throws BLOB_UPLOAD_UNKNOWN for what is no id, or one of another repository */
export function checkUploadId(repository: string, id: string): void {
  if (UPLOAD.test(id) && id.endsWith(`-${repositoryMark(repository)}`)) return;
  throw unknownUpload(id);
}

export function unknownUpload(id: string): RegistryError {
  return new RegistryError("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry: begin again with a POST", {
    detail: { upload: id.slice(0, 128) },
  });
}

function repositoryMark(repository: string): string {
  return createHash("sha256").update(repository).digest("hex").slice(0, 16);
}
