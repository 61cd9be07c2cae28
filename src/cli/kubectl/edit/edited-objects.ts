/** The objects that an edit is about, as the server has them. */

import { CliError } from "../../cli-error.ts";
import { NOTHING_NAMED } from "../chosen-objects.ts";
import type { KubectlContext } from "../declaration.ts";
import type { KubeManifestObject } from "../manifest-files.ts";
import { type FileFlags, namedObjects, type ObjectTarget, objectPath } from "../resource-arguments.ts";
import { groupVersion, pathOf } from "../resource-types.ts";

interface FoundObject {
  readonly target: ObjectTarget;
  readonly object: KubeManifestObject;
}

/**
 * All objects that words or files name; a type alone means all of its objects.
 * @param selector of labels, for types without names
 * @throws CliError, KubeApiError
 */
export async function foundObjects(
  context: KubectlContext,
  words: readonly string[],
  files: FileFlags,
  options: { selector?: string; subresource?: string } = {},
): Promise<FoundObject[]> {
  if (words.length === 0 && files.filename.length === 0 && !files.kustomize) throw new CliError(NOTHING_NAMED);
  const { objects, types } = await namedObjects(context, words, files);
  const api = await context.api();
  const found: FoundObject[] = [];
  for (const target of objects) {
    const object = await api.get<KubeManifestObject>(objectPath(target, options.subresource || undefined));
    found.push({ target, object });
  }
  const namespace = await context.namespace();
  for (const { type } of types) {
    const query = { labelSelector: options.selector };
    const { items = [] } = await api.get<{ items?: KubeManifestObject[] }>(pathOf(type, namespace), { query });
    for (const item of items) {
      const name = item.metadata?.name ?? "";
      const target = { type, namespace: type.namespaced ? namespace : undefined, name };
      found.push({ target, object: { ...item, apiVersion: groupVersion(type), kind: type.kind } });
    }
  }
  return found;
}

/** Managed fields are for the server. */
export function withoutManagers(object: KubeManifestObject): KubeManifestObject {
  const { managedFields, ...metadata } = object.metadata ?? {};
  return { ...object, metadata };
}
