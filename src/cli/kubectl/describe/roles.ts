/** Roles, and who has them. */

import type { ClusterRole, RoleBinding } from "../../../model/kubernetes/rbac.ts";
import { annotationLines, labelLines } from "./describer.ts";

interface PolicyRow {
  readonly group: string;
  readonly resource: string;
  readonly url: string;
  readonly names: readonly string[];
  readonly verbs: string[];
}

/** A row for each resource and each address; verbs that several rules allow on the same resource come together. */
export function policyRows(rules: NonNullable<ClusterRole["rules"]>): PolicyRow[] {
  const rows = new Map<string, PolicyRow>();
  for (const { apiGroups = [], resources = [], nonResourceURLs = [], resourceNames = [], verbs = [] } of rules) {
    const places = resources.flatMap((resource) => apiGroups.map((group) => ({ group, resource, url: "" })));
    for (const place of [...places, ...nonResourceURLs.map((url) => ({ group: "", resource: "", url }))]) {
      // Addresses stay as they are.
      const key = place.url === "" ? JSON.stringify([place, resourceNames]) : String(rows.size);
      const known = rows.get(key);
      if (known === undefined) rows.set(key, { ...place, names: resourceNames, verbs: [...verbs] });
      else known.verbs.push(...verbs.filter((verb) => !known.verbs.includes(verb)));
    }
  }
  const keyOf = ({ group, resource, url, names, verbs }: PolicyRow) =>
    `[${verbs.join(" ")}][${group}][${resource}][${names.join(" ")}][${url}]`;
  return [...rows.values()].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

/** Of "deployments/scale" in the group apps the first cell is "deployments.apps/scale". */
export function policyCells({ group, resource, url, names, verbs }: PolicyRow): string[] {
  const [plain, ...sub] = resource.split("/");
  const place = [`${plain}${group === "" ? "" : `.${group}`}`, ...sub].join("/");
  return [place, `[${url}]`, `[${names.join(" ")}]`, `[${verbs.join(" ")}]`];
}

/** A row for each resource and address that a role allows. */
export function roleLines({ metadata = {}, rules }: ClusterRole): string[] {
  const rows = policyRows(rules ?? []).map((row) => `  ${policyCells(row).join("\t")}`);
  return [
    `Name:\t${metadata.name}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    "PolicyRule:",
    "  Resources\tNon-Resource URLs\tResource Names\tVerbs",
    "  ---------\t-----------------\t--------------\t-----",
    ...rows,
  ];
}

/** A role and who has it. */
export function bindingLines({ metadata = {}, roleRef, subjects = [] }: RoleBinding): string[] {
  return [
    `Name:\t${metadata.name}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    "Role:",
    `  Kind:\t${roleRef.kind}`,
    `  Name:\t${roleRef.name}`,
    "Subjects:",
    "  Kind\tName\tNamespace",
    "  ----\t----\t---------",
    ...subjects.map(({ kind, name, namespace = "" }) => `  ${kind}\t${name}\t${namespace}`),
  ];
}
