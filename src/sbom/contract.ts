/** Contract of software bills of materials: what is installed in an image, read from its files without running it. */
import type { Digest } from "../model/image.ts";

/** SPDX 2.3 in both of its notations, CycloneDX 1.5, or columns for people. */
export type SbomFormat = "spdx-json" | "spdx-tag-value" | "cyclonedx-json" | "table";

/** The image as its files lie on this machine. */
export interface SbomSubject {
  /** Manifest of this platform: the document's name and namespace come from it, so that equal images give equal bytes. */
  digest: Digest;
  /** RFC 3339; the document's date. */
  createdAt: string;
  architecture: string;
  os: string;
  /** Directories of its unpacked layers, newest first; nothing in them is trusted. */
  layers: readonly string[];
}

export interface SbomMaker {
  /**
   * The whole document, in UTF-8. Reads in a thread of its own.
   * @throws {NaruError} not-implemented for a package database that naru cannot read, naming it
   */
  make(subject: SbomSubject, format: SbomFormat, options?: { signal?: AbortSignal }): Promise<string>;
}
