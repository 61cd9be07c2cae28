/** Sends a new object and tells of it: what `create`, `run`, `expose` and `autoscale` have in common. */

import { untilServed } from "./coming-types.ts";
import type { KubectlContext } from "./declaration.ts";
import { KubeApiError } from "./kube-api.ts";
import { LAST_APPLIED, textToKeep } from "./last-applied.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import type { PrintFlags } from "./output-format.ts";
import { pathOf, type ServedType } from "./resource-types.ts";
import { tellResult, writeQuery } from "./write-flags.ts";

export interface CreateFlags extends PrintFlags {
  readonly "dry-run": string;
  readonly "field-manager"?: string;
  readonly validate?: string;
  readonly "save-config"?: boolean;
}

/** The object with its own text in an annotation, from which `apply` sees later what was taken out of the file. */
export function withLastApplied(object: KubeManifestObject): KubeManifestObject {
  const { annotations, ...metadata } = (object.metadata ?? {}) as { annotations?: Record<string, string> };
  const { [LAST_APPLIED]: _old, ...others } = annotations ?? {};
  // Annotations are there even when empty: kubectl's own text has them.
  const plain = { ...object, metadata: { annotations: others, ...metadata } };
  const text = textToKeep(plain);
  return { ...object, metadata: { ...object.metadata, annotations: { ...others, [LAST_APPLIED]: text } } };
}

const FIRST = ["kind", "apiVersion", "metadata", "spec", "status"];
const FIRST_OF_METADATA = ["name", "generateName", "namespace", "labels", "annotations", "ownerReferences"];

/** The members that all objects have, in the order of their declaration. */
function inDeclaredOrder(object: KubeManifestObject): KubeManifestObject {
  const ordered = (value: object, first: readonly string[]) => {
    const place = (key: string) => (first.includes(key) ? first.indexOf(key) : first.length);
    return Object.fromEntries(Object.entries(value).sort(([one], [other]) => place(one) - place(other)));
  };
  const metadata = ordered(object.metadata ?? {}, FIRST_OF_METADATA);
  return ordered({ ...object, metadata }, FIRST) as KubeManifestObject;
}

/** @param options `attempt` for failures: `error when creating "web.yaml"` or "failed to create deployment"; `verb` for the line that tells of it */
export async function createObject(
  context: KubectlContext,
  flags: CreateFlags,
  type: ServedType,
  namespace: string | undefined,
  object: KubeManifestObject,
  options: { attempt?: string; verb?: string } = {},
): Promise<void> {
  const { attempt, verb = "created" } = options;
  const wanted = flags["save-config"] ? withLastApplied(object) : object;
  if (flags["dry-run"] === "client") {
    const isMadeHere = !attempt?.startsWith("error when");
    await tellResult(context, flags, type, isMadeHere ? inDeclaredOrder(wanted) : wanted, verb, isMadeHere);
    return;
  }
  const api = await context.api();
  if (flags["dry-run"] === "none") await untilServed(api, type);
  try {
    const made = await api.json<KubeManifestObject>("POST", pathOf(type, namespace), {
      body: wanted,
      query: writeQuery(flags),
    });
    await tellResult(context, flags, type, made, verb);
  } catch (error) {
    throw error instanceof KubeApiError && attempt !== undefined ? error.during(attempt) : error;
  }
}
