/** What a step made: layers above those of its root, or, for a context, a directory that is not the builder's own. */
import type { LayerHandle } from "../../image/contract.ts";
import type { Digest } from "../../model/image.ts";

export interface StepResult {
  /** What it is, for the keys of later steps; undefined for contexts, of which only the files taken count. */
  identity: Digest | undefined;
  /** Oldest first. */
  layers: readonly LayerHandle[];
  context?: ContextTree;
  /** From a URL or a repository: its files belong to root when they are copied. */
  isSource?: boolean;
  /** How many of the layers the step itself added. */
  ownLayers?: number;
  /** RFC 3339: when the step was computed, in this build or an earlier one. */
  createdAt?: string;
  /** Cache records behind the layers, oldest first. */
  recordIds?: readonly string[];
}

interface ContextTree {
  /** Absolute; must not be changed. */
  directory: string;
  exclude: readonly string[];
  /** Another directory next time: nothing about its files is worth remembering. */
  isTemporary: boolean;
  /** Equal versions hold the same files; undefined when nobody can tell. */
  version?: string;
}

/** The result of an empty root. */
export const SCRATCH: StepResult = {
  identity: `sha256:${new Bun.CryptoHasher("sha256").update("scratch").digest("hex")}`,
  layers: [],
};
