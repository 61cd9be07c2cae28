/** What the server behind an APIService says of its resources, brought into the form that discovery tells on: others wrote it. */

import type { APIResource } from "../../model/kubernetes/meta.ts";

const isText = (value: unknown): value is string => typeof value === "string";
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter(isText) : []);

/**
 * The resources of an APIResourceList. Go's servers write `null` for an empty list; entries without a name or a kind are left out.
 * @throws Error for what is no such list
 */
export function toldResources(document: unknown): APIResource[] {
  const { resources } = (document ?? {}) as { resources?: unknown };
  if (resources === undefined || resources === null) return [];
  if (!Array.isArray(resources)) throw new Error("the answer is no list of resources");
  return resources.flatMap((told: Partial<APIResource> | null) => {
    const { name, kind, namespaced, singularName, verbs, shortNames, categories, group, version } = told ?? {};
    if (!isText(name) || !isText(kind)) return [];
    return [
      {
        name,
        kind,
        namespaced: namespaced === true,
        singularName: isText(singularName) ? singularName : "",
        verbs: texts(verbs),
        shortNames: texts(shortNames),
        categories: texts(categories),
        ...(isText(group) ? { group } : {}),
        ...(isText(version) ? { version } : {}),
      },
    ];
  });
}
