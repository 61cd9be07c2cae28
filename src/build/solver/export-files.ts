/** Outputs that are files: the result's tree as a tar stream. Several platforms each get a directory of their own. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { platformText } from "../../lib/platform.ts";
import { bindMount, unmount } from "../../linux/mount.ts";
import type { BuildOutput } from "../contract.ts";
import type { BuildRun } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import type { ConfiguredTarget } from "./image-config.ts";

const EMPTY_TREE_BYTES = 1 << 20;

export async function exportFiles(
  context: SolverContext,
  run: BuildRun,
  targets: ConfiguredTarget[],
  output: BuildOutput & { type: "tar" | "local" },
): Promise<void> {
  const name = output.type === "tar" ? "sending tarball" : "exporting to client directory";
  await run.showing({ digest: digestOf(name), name, inputs: [], cached: false }, async () => {
    await using undo = new AsyncDisposableStack();
    const root = await openTrees(context, targets, undo);
    await output.write(context.files.exportTree(root, { signal: run.signal }));
  });
}

/** @returns a directory that shows the trees */
async function openTrees(
  context: SolverContext,
  targets: ConfiguredTarget[],
  undo: AsyncDisposableStack,
): Promise<string> {
  const [first] = targets;
  if (targets.length === 1) return await openTree(context, first!, undo);
  const top = await context.views.openMemory(EMPTY_TREE_BYTES);
  undo.defer(() => top.close());
  for (const target of targets) {
    const place = join(top.path, platformText(target.config).replaceAll("/", "_"));
    await mkdir(place);
    const tree = await openTree(context, target, undo);
    bindMount(tree, place);
    undo.defer(() => void unmount(place));
  }
  return top.path;
}

async function openTree(
  context: SolverContext,
  { layers }: ConfiguredTarget,
  undo: AsyncDisposableStack,
): Promise<string> {
  const directories = layers.map((layer) => context.workshop.directoryOf(layer));
  if (directories.length === 0) {
    const empty = await context.views.openMemory(EMPTY_TREE_BYTES);
    undo.defer(() => empty.close());
    return empty.path;
  }
  const view = await context.views.openLayers(directories);
  undo.defer(() => view.close());
  return view.path;
}
