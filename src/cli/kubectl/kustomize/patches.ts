/** Patches of a kustomization: objects that are laid over others, and lists of operations. */

import { CliError } from "../../cli-error.ts";
import { isMergedByKeys } from "../apply-patch.ts";
import { applyJsonPatch, type PatchOperation } from "../json-patch.ts";
import type { KubeManifestObject } from "../manifest-files.ts";
import { strategicMerge } from "../strategic-merge.ts";
import { type CustomizedObject, groupOf, idText, nameOf, splitVersion } from "./customized-object.ts";
import type { PatchEntry } from "./kustomization-file.ts";
import { fits } from "./selectors.ts";

/** @param text of the patch: YAML or JSON @throws CliError when it fits nothing, or not as it stands */
export function applyPatchEntry(objects: CustomizedObject[], entry: PatchEntry, text: string): void {
  const documents = documentsOf(text);
  const operations = documents.length > 0 && documents.every((one) => isOperation(one)) ? documents : undefined;
  const { target } = entry;
  if (operations !== undefined) {
    if (target === undefined) throw new CliError("error: must specify a target for JSON patch");
    for (const one of objects.filter((candidate) => fits(candidate, target))) {
      one.object = structuredClone(one.object);
      applyJsonPatch(one.object, operations as PatchOperation[]);
    }
    return;
  }
  for (const patch of documents as KubeManifestObject[]) {
    const meant = target === undefined ? [namedByPatch(objects, patch)] : objects.filter((one) => fits(one, target));
    for (const one of meant) lay(objects, one, patch, entry);
  }
}

const isOperation = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "op" in value && "path" in value;

/** Documents of YAML; a list of operations is one document, whose elements are returned. */
function documentsOf(text: string): unknown[] {
  let parsed: unknown;
  try {
    // What begins as a list of JSON is read as JSON only.
    parsed = text.trimStart().startsWith("[") ? JSON.parse(text) : Bun.YAML.parse(text);
  } catch (error) {
    throw new CliError(
      `error: unable to parse SM or JSON patch from [patch: ${JSON.stringify(text)}]: ${(error as Error).message}`,
    );
  }
  const all = Array.isArray(parsed) ? parsed : [parsed];
  return all.filter((one) => one !== null && one !== undefined);
}

function namedByPatch(objects: readonly CustomizedObject[], patch: KubeManifestObject): CustomizedObject {
  const wanted = nameOf(patch);
  const found = objects.filter(
    ({ object, names }) =>
      object.kind === patch.kind &&
      groupOf(object) === splitVersion(patch.apiVersion).group &&
      [...names, nameOf(object)].some(({ name }) => name === wanted.name) &&
      (wanted.namespace === "" || [...names, nameOf(object)].some(({ namespace }) => namespace === wanted.namespace)),
  );
  if (found[0] !== undefined && found.length === 1) return found[0];
  const id = idText(patch);
  throw new CliError(
    found.length === 0
      ? `error: no resource matches strategic merge patch "${id}": no matches for Id ${id}; failed to find unique target for patch ${id}`
      : `error: multiple matches for Id ${id}; failed to find unique target for patch ${id}`,
  );
}

/** Kind and name stay as they are, unless the entry allows the patch's own. */
function lay(
  objects: CustomizedObject[],
  one: CustomizedObject,
  patch: KubeManifestObject,
  { options = {} }: PatchEntry,
): void {
  const byKeys = isMergedByKeys({ group: groupOf(one.object) });
  const merged = strategicMerge(one.object, patch, { byKeys, order: "patch first" }) as KubeManifestObject | undefined;
  if (merged === undefined) {
    objects.splice(objects.indexOf(one), 1);
    return;
  }
  const { name, namespace } = one.object.metadata ?? {};
  const isRenamed = options.allowNameChange === true && nameOf(merged).name !== nameOf(one.object).name;
  if (isRenamed) one.names.push(nameOf(one.object));
  const kept = {
    ...merged.metadata,
    ...(options.allowNameChange ? {} : { name }),
    ...(namespace ? { namespace } : {}),
  };
  const kind = options.allowKindChange ? {} : { kind: one.object.kind, apiVersion: one.object.apiVersion };
  one.object = { ...merged, ...kind, metadata: kept };
}
