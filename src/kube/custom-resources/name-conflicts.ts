/** Within a group every plural, singular, short name, kind and list kind stands for one thing. */

import type { CustomResourceDefinition, CustomResourceDefinitionNames } from "../../model/kubernetes/apiextensions.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";

interface Conflict {
  /** The condition's reason. */
  readonly reason: string;
  readonly message: string;
}

/** What keeps the definition's names from being accepted; the older of two definitions keeps a name. */
export function nameConflict(
  crd: Stored<CustomResourceDefinition>,
  all: readonly Stored<CustomResourceDefinition>[],
  registered: readonly ResourceDefinition[],
): Conflict | undefined {
  const { group, names } = crd.spec;
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const other of all) {
    if (other.metadata.name === crd.metadata.name || other.spec.group !== group) continue;
    const accepted = other.status?.acceptedNames;
    if (accepted !== undefined) takeNames(accepted, resources, kinds);
  }
  const custom = new Set(all.map((other) => `${other.spec.group}/${other.spec.names.plural}`));
  for (const { type, singular, shortNames, listKind } of registered) {
    if (type.group !== group || custom.has(`${type.group}/${type.resource}`)) continue;
    takeNames(
      { plural: type.resource, singular, shortNames: [...(shortNames ?? [])], kind: type.kind, listKind },
      resources,
      kinds,
    );
  }
  const used = (name: string | undefined, taken: Set<string>) => name !== undefined && name !== "" && taken.has(name);
  const told = (reason: string, name: string | undefined) => ({
    reason,
    message: `${JSON.stringify(name)} is already in use`,
  });
  if (used(names.plural, resources)) return told("PluralConflict", names.plural);
  if (used(names.singular, resources)) return told("SingularConflict", names.singular);
  const short = names.shortNames?.find((name) => used(name, resources));
  if (short !== undefined) return told("ShortNamesConflict", short);
  if (used(names.kind, kinds)) return told("KindConflict", names.kind);
  if (used(names.listKind, kinds)) return told("ListKindConflict", names.listKind);
  return undefined;
}

function takeNames(names: CustomResourceDefinitionNames, resources: Set<string>, kinds: Set<string>): void {
  for (const name of [names.plural, names.singular, ...(names.shortNames ?? [])]) if (name) resources.add(name);
  for (const kind of [names.kind, names.listKind]) if (kind) kinds.add(kind);
}
