/** Outputs that are files: the result's tree as a tar stream. Several platforms each get a directory of their own. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { platformText } from "../../lib/platform.ts";
import { bindMount, unmount } from "../../linux/mount.ts";
import type { BuildOutput } from "../contract.ts";
import type { BuildRun } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import type { ConfiguredTarget } from "./image-config.ts";

const EMPTY_TREE_BYTES = 1 << 20;
/** A bill of materials of a large image takes some megabytes. */
const ATTESTATION_BYTES = 64 << 20;

export async function exportFiles(
  context: SolverContext,
  run: BuildRun,
  targets: ConfiguredTarget[],
  output: BuildOutput & { type: "tar" | "local" },
): Promise<void> {
  const name = output.type === "tar" ? "sending tarball" : "exporting to client directory";
  await run.showing({ digest: digestOf(name), name, inputs: [], cached: false }, async () => {
    await using undo = new AsyncDisposableStack();
    const root = await openTrees(context, run, targets, undo);
    await output.write(context.files.exportTree(root, { signal: run.signal }));
  });
}

/** @returns a directory that shows the trees */
async function openTrees(
  context: SolverContext,
  run: BuildRun,
  targets: ConfiguredTarget[],
  undo: AsyncDisposableStack,
): Promise<string> {
  const [first] = targets;
  if (targets.length === 1) return await openTree(context, run, first!, undo);
  const top = await context.views.openMemory(EMPTY_TREE_BYTES);
  undo.defer(() => top.close());
  for (const target of targets) {
    const place = join(top.path, platformText(target.config).replaceAll("/", "_"));
    await mkdir(place);
    const tree = await openTree(context, run, target, undo);
    bindMount(tree, place);
    undo.defer(() => void unmount(place));
  }
  return top.path;
}

async function openTree(
  context: SolverContext,
  run: BuildRun,
  target: ConfiguredTarget,
  undo: AsyncDisposableStack,
): Promise<string> {
  const directories = target.layers.map((layer) => context.workshop.directoryOf(layer));
  const attested = await attestationFiles(context, run, target, undo);
  if (attested !== undefined) directories.push(attested);
  if (directories.length === 0) {
    const empty = await context.views.openMemory(EMPTY_TREE_BYTES);
    undo.defer(() => empty.close());
    return empty.path;
  }
  const view = await context.views.openLayers(directories);
  undo.defer(() => view.close());
  return view.path;
}

/** @returns a directory with the statements that the user asked for, named as BuildKit's; undefined when there are none */
async function attestationFiles(
  context: SolverContext,
  run: BuildRun,
  { attest, layers }: ConfiguredTarget,
  undo: AsyncDisposableStack,
): Promise<string | undefined> {
  const { sbom, provenance } = run.request.attestations;
  const wantsProvenance = provenance === "min" || provenance === "max";
  if (!attest || !(sbom || wantsProvenance)) return undefined;
  // There is no image: what stands for one is its layers.
  const digest = digestOf(...layers.map((layer) => (layer.kind === "built" ? layer.id : layer.chainId)));
  const statements = await attest({ mediaType: "", digest, size: 0 });
  const view = await context.views.openMemory(ATTESTATION_BYTES);
  undo.defer(() => view.close());
  for (const { predicateType, statement } of statements) {
    const isProvenance = predicateType.startsWith("https://slsa.dev/provenance/");
    if (isProvenance && !wantsProvenance) continue;
    const name = isProvenance ? "provenance.json" : "sbom.spdx.json";
    await writeFile(join(view.path, name), JSON.stringify({ ...statement, subject: [] }));
  }
  return view.path;
}
