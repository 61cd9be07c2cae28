/** What a step made: layers above those of its root, or, for a context, a directory that is not the builder's own. */
import type { LayerHandle } from "../../image/contract.ts";
import type { Digest } from "../../model/image.ts";

export interface StepResult {
  /** What it is, for the keys of later steps; undefined for contexts, of which only the files taken count. */
  identity: Digest | undefined;
  /** Oldest first. */
  layers: readonly LayerHandle[];
  context?: ContextTree;
  /** Cache record of the step itself. */
  recordId?: string;
}

export interface ContextTree {
  /** Absolute; must not be changed. */
  directory: string;
  exclude: readonly string[];
  /** Names the context from build to build, for remembering digests by file status. */
  statCacheName: string;
}

/** The result of an empty root. */
export const SCRATCH: StepResult = {
  identity: `sha256:${new Bun.CryptoHasher("sha256").update("scratch").digest("hex")}`,
  layers: [],
};
