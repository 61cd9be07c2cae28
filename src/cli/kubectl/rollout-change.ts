/** What pause, resume and restart have in common: one patch of each named workload. */

import { CliError } from "../cli-error.ts";
import { bool, string, strings } from "../flag-types.ts";
import type { KubectlContext } from "./declaration.ts";
import { onEach } from "./failures.ts";
import { PRINT_FLAGS, type PrintFlags } from "./output-format.ts";
import { type FileFlags, namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
import type { PodTemplateHolder } from "./workload-kinds.ts";
import { tellResult, writeQuery } from "./write-flags.ts";

/** Flags of all commands of `rollout` that change something. */
export const ROLLOUT_FLAGS = {
  ...PRINT_FLAGS,
  "field-manager": string("Who owns the fields that are set", { initial: "kubectl-rollout" }),
  filename: strings("Files, folders or addresses of objects", { short: "f" }),
  kustomize: string("A kustomization", { short: "k" }),
  recursive: bool("Folders below those of -f too", { short: "R" }),
  selector: string("Only objects with these labels", { short: "l" }),
};

/** The workloads that the words, files or the selector name. @throws CliError when there is none */
export async function rolloutTargets(
  context: KubectlContext,
  words: readonly string[],
  flags: FileFlags & { readonly selector: string },
): Promise<ObjectTarget[]> {
  const { objects, types } = await namedObjects(context, words, flags);
  const targets = [...objects];
  const api = await context.api();
  for (const { type } of types) {
    const namespace = await context.namespace();
    const query = { labelSelector: flags.selector };
    const found = await api.get<{ items?: PodTemplateHolder[] }>(pathOf(type, namespace), { query });
    targets.push(...(found.items ?? []).map(({ metadata }) => ({ type, namespace, name: metadata.name })));
  }
  if (targets.length === 0 && types.length === 0) throw new CliError("error: required resource not specified");
  return targets;
}

/** Patches each target and tells of it. `patchOf` refuses by a CliError, whose text is told at the end. */
export async function changeEach(
  context: KubectlContext,
  targets: readonly ObjectTarget[],
  flags: PrintFlags & { readonly "field-manager": string },
  verb: string,
  patchOf: (object: PodTemplateHolder, target: ObjectTarget) => unknown,
): Promise<void> {
  if (targets.length === 0) context.printError(`No resources found in ${await context.namespace()} namespace.\n`);
  const api = await context.api();
  await onEach(targets, async (target) => {
    const object = await api.get<PodTemplateHolder>(objectPath(target));
    const changed = await api.json<PodTemplateHolder>("PATCH", objectPath(target), {
      body: patchOf(object, target),
      contentType: "application/strategic-merge-patch+json",
      query: writeQuery({ ...flags, "dry-run": "none" }),
    });
    await tellResult(context, { ...flags, "dry-run": "none" }, target.type, changed, verb);
  });
}
