/**
 * Digests: names of content by its hash. sha256 and sha512 are the registered algorithms (OCI image specification,
 * descriptor.md); one that is made here is sha256, one that came from elsewhere may be either.
 */
import type { Digest, DigestAlgorithm } from "../model/image.ts";

const FORM = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const SHA512_HEX_DIGITS = 128;
/** So many tell digests apart for people. */
const SHOWN_DIGITS = 12;

/** True for a well-formed digest of an algorithm that can be checked here. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && FORM.test(text);
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** The digest whose hex digits these are, which tell the algorithm by their number. */
export function digestOfHex(hex: string): Digest {
  return hex.length === SHA512_HEX_DIGITS ? `sha512:${hex}` : `sha256:${hex}`;
}

/** Twelve digits, as messages and lists show it. */
export function shortDigest(digest: string): string {
  const start = digest.indexOf(":") + 1;
  return digest.slice(start, start + SHOWN_DIGITS);
}

/** Of bytes that are here whole. */
export function digestOf(data: string | Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  return new DigestHasher(algorithm).update(data).digest();
}

/** Of bytes that come piece by piece. */
export class DigestHasher {
  private readonly hash: Bun.CryptoHasher;
  private result: Digest | undefined;

  constructor(private readonly algorithm: DigestAlgorithm = "sha256") {
    this.hash = new Bun.CryptoHasher(algorithm);
  }

  update(data: string | Uint8Array): this {
    this.hash.update(data);
    return this;
  }

  /** May be asked again; nothing can be added afterwards. */
  digest(): Digest {
    this.result ??= `${this.algorithm}:${this.hash.digest("hex")}`;
    return this.result;
  }
}
