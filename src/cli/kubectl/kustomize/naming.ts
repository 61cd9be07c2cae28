/** Namespaces, prefixes, suffixes and hashes: what changes the names of objects. */

import { hashedName } from "../hashed-name.ts";
import { type CustomizedObject, isClusterKind, nameOf } from "./customized-object.ts";
import { changeAt } from "./field-specs.ts";

/** Kinds whose names mean something by themselves. */
const KEPT_NAMES = new Set(["APIService", "CustomResourceDefinition", "Namespace"]);

function rename(customized: CustomizedObject, change: { name?: string; namespace?: string }): void {
  const { object, names } = customized;
  names.push(nameOf(object));
  customized.object = { ...object, metadata: { ...object.metadata, ...change } };
}

/** Names with a prefix and a suffix; kinds whose names mean something keep theirs. */
export function addAffixes(objects: readonly CustomizedObject[], prefix = "", suffix = ""): void {
  if (prefix === "" && suffix === "") return;
  for (const customized of objects) {
    customized.affixes.push(`${prefix}|${suffix}`);
    if (KEPT_NAMES.has(customized.object.kind)) continue;
    rename(customized, { name: `${prefix}${nameOf(customized.object).name}${suffix}` });
  }
}

/** Puts the objects into a namespace, and makes references to it follow. */
export function setNamespace(objects: readonly CustomizedObject[], namespace = ""): void {
  if (namespace === "") return;
  for (const customized of objects) {
    const { kind } = customized.object;
    if (kind === "Namespace") rename(customized, { name: namespace });
    else if (!isClusterKind(kind)) rename(customized, { namespace });
    const { object } = customized;
    if (kind === "APIService") changeAt(object, "spec/service/namespace", true, () => namespace);
    if (kind === "CustomResourceDefinition") {
      changeAt(object, "spec/conversion/webhook/clientConfig/service/namespace", false, () => namespace);
    }
    if (/^(?:Mutating|Validating)WebhookConfiguration$/.test(kind))
      changeAt(object, "webhooks/clientConfig/service/namespace", false, () => namespace);
    if (/^(?:Cluster)?RoleBinding$/.test(kind)) setDefaultAccounts(object.subjects, namespace);
  }
}

/** The service account "default" is in every namespace, though no file tells of it. */
function setDefaultAccounts(subjects: unknown, namespace: string): void {
  for (const subject of Array.isArray(subjects) ? (subjects as Record<string, unknown>[]) : [])
    if (subject.kind === "ServiceAccount" && subject.name === "default") subject.namespace = namespace;
}

/** Behind the names of what was generated, so that a change of content makes a new object. */
export function addHashes(objects: readonly CustomizedObject[]): void {
  for (const customized of objects) {
    if (!customized.needsHash) continue;
    const { kind, data, binaryData, type } = customized.object as { kind: string } & Parameters<typeof hashedName>[1];
    const content = { kind, ...(data && { data }), ...(binaryData && { binaryData }), ...(type && { type }) };
    // The hash is of the content alone, so that prefixes do not change it.
    rename(customized, { name: `${nameOf(customized.object).name}${hashedName("", content)}` });
  }
}
