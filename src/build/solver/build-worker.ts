/** Entry of the worker threads that look at trees and change them for builds. See lib/worker-pool.ts. */
import { type JobContext, serveJobs } from "../../lib/worker-job.ts";
import { type SquashParams, squashLayers } from "./layer-squash.ts";
import { removeStubs, type StubParams } from "./mount-stubs.ts";
import { StatCache } from "./stat-cache.ts";
import { changeTree, type TreeAction } from "./tree-changes.ts";
import { type DigestOptions, digestSelection, type TreeDigest } from "./tree-digest.ts";
import { SelectedTree, type Selection } from "./tree-selection.ts";

serveJobs({ digest, expand, change, stubs, squash });

export interface DigestParams {
  selections: { selection: Selection; options: DigestOptions }[];
  /** File for the digests of files whose status did not change. */
  statCachePath?: string;
}

async function digest({ selections, statCachePath }: DigestParams, { signal }: JobContext): Promise<TreeDigest[]> {
  const cache = await StatCache.load(statCachePath);
  const found: TreeDigest[] = [];
  for (const { selection, options } of selections) found.push(await digestSelection(selection, options, cache, signal));
  // What is not remembered is only read again.
  if (statCachePath !== undefined) await cache.save(statCachePath).catch(() => {});
  return found;
}

/** The paths that a selection's patterns stand for. */
async function expand(selection: Selection): Promise<string[]> {
  const tree = new SelectedTree(selection);
  try {
    return tree.paths();
  } finally {
    tree.close();
  }
}

export interface ChangeParams {
  root: string;
  actions: TreeAction[];
  /** Time of directories and files that have none of their own. */
  madeAtSeconds: number;
}

async function change({ root, actions, madeAtSeconds }: ChangeParams, { signal }: JobContext): Promise<void> {
  await changeTree(root, actions, madeAtSeconds, signal);
}

async function squash(params: SquashParams): Promise<void> {
  squashLayers(params);
}

async function stubs(params: StubParams): Promise<{ isEmpty: boolean }> {
  return removeStubs(params);
}
