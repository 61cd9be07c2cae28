/** What a step takes from its inputs, by content: for keys that hold although a stage was built anew. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { errorText, NaruError } from "../../lib/errors.ts";
import type { DigestParams } from "./build-worker.ts";
import type { SolverContext } from "./builder-parts.ts";
import type { InputKey } from "./cache-key.ts";
import { directoriesOf } from "./exec-mounts.ts";
import { selectionOf } from "./file-step.ts";
import type { CopyAction, ExecMount, ExecOperation, FileOperation, Step } from "./graph.ts";
import type { StepResult } from "./step-result.ts";
import type { DigestOptions, TreeDigest } from "./tree-digest.ts";
import type { Selection } from "./tree-selection.ts";

type TreeUse = CopyAction | (ExecMount & { type: "bind" });
/** Files by path with the start of their digest, by name of the key's part. */
export type Listings = Record<string, Record<string, string>>;

export interface ContentDigests {
  inputKey: InputKey;
  listings: Listings;
}

export async function contentDigests(
  context: SolverContext,
  operation: ExecOperation | FileOperation,
  options: { resultOf(step: Step | undefined): StepResult; signal: AbortSignal },
): Promise<ContentDigests> {
  const uses = treeUses(operation);
  const digests = new Map<TreeUse, TreeDigest>();
  await Promise.all(
    uses.map(async ({ use }) => {
      digests.set(use, await digestUse(context, use, options));
    }),
  );
  const listings: Listings = {};
  for (const { use, part } of uses) {
    const { listing } = digests.get(use)!;
    if (listing) listings[part] = listing;
  }
  return {
    listings,
    inputKey: (step, use) => {
      const digest = use === "root" ? undefined : digests.get(use as TreeUse);
      if (!digest) return options.resultOf(step).identity!;
      // Owners of a context's files become root's.
      return `${digest.digest}${options.resultOf(step).context ? " of a context" : ""}`;
    },
  };
}

/** Copies, and mounts that only bring files: of a cache directory what it was seeded from is its name. */
function treeUses(operation: ExecOperation | FileOperation): { use: TreeUse; part: string }[] {
  if (operation.type === "file") {
    return operation.actions.flatMap((action, index) =>
      action.action === "copy" ? [{ use: action, part: `files ${index}` }] : [],
    );
  }
  return operation.mounts.flatMap((mount) =>
    mount.type === "bind" && mount.from ? [{ use: mount, part: `files of ${mount.target}` }] : [],
  );
}

async function digestUse(
  context: SolverContext,
  use: TreeUse,
  { resultOf, signal }: { resultOf(step: Step | undefined): StepResult; signal: AbortSignal },
): Promise<TreeDigest> {
  const source = resultOf(use.from);
  const options: DigestOptions = {
    ignoresOwner: source.context !== undefined || ("action" in use && use.owner !== undefined),
    ignoresMode: "action" in use && use.mode !== undefined && /^[0-7]+$/.test(use.mode),
  };
  const inRoot = (root: string) =>
    "action" in use ? selectionOf(use, source, root) : mountSelection(use, source, root);
  const version = source.context?.version;
  const memoKey = version === undefined ? undefined : JSON.stringify([version, inRoot(""), options]);
  const known = memoKey === undefined ? undefined : context.digestMemo.find(memoKey);
  if (known) return known;
  const view = await context.views.openLayers(directoriesOf(context, source));
  try {
    const selection = inRoot(view.path);
    const params: DigestParams = { selections: [{ selection, options }], ...statCache(context, source, selection) };
    const [digest] = await context.pool.run<TreeDigest[]>("digest", params, { signal });
    if (memoKey !== undefined) context.digestMemo.keep(memoKey, digest!);
    return digest!;
  } catch (error) {
    signal.throwIfAborted();
    const kind = error instanceof NaruError ? error.kind : "internal";
    const ref = use.from?.show.group ?? (source.context ? "context" : "stage");
    const words = `failed to compute cache key: failed to calculate checksum of ref ${ref}: ${errorText(error)}`;
    throw new NaruError(kind, words, { cause: error });
  } finally {
    await view.close();
  }
}

function mountSelection(mount: ExecMount & { type: "bind" }, source: StepResult, root: string): Selection {
  const rootExclude = source.context?.exclude ?? [];
  return { root, sources: [mount.source || "/"], exclude: [], rootExclude, keepsParents: false, allowsNoMatch: false };
}

/** Only directories that come back in the next build are worth remembering. */
function statCache({ directory }: SolverContext, source: StepResult, selection: Selection): { statCachePath?: string } {
  if (!source.context || source.context.isTemporary) return {};
  const name = createHash("sha256").update(JSON.stringify(selection)).digest("hex").slice(0, 32);
  return { statCachePath: join(directory, "stat-cache", name) };
}
