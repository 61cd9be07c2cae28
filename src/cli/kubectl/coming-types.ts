/** Types that the files themselves define: a custom resource definition may stand before its objects. */

import { CliError } from "../cli-error.ts";
import type { KubeApi } from "./kube-api.ts";
import type { KubeManifest } from "./manifest-files.ts";
import { groupVersion, ResourceTypes, type ServedType } from "./resource-types.ts";

interface Definition {
  spec?: {
    group?: string;
    scope?: string;
    names?: { plural?: string; singular?: string; kind?: string; shortNames?: string[]; categories?: string[] };
    versions?: { name: string; served?: boolean }[];
  };
}

/** The types of all definitions among the manifests. */
export function comingTypes(manifests: readonly KubeManifest[]): ServedType[] {
  return manifests.flatMap(({ object }) => {
    if (object.kind !== "CustomResourceDefinition" || !object.apiVersion.startsWith("apiextensions.k8s.io/")) return [];
    const { group = "", scope, names = {}, versions = [] } = (object as Definition).spec ?? {};
    const { plural = "", kind = "", singular = kind.toLowerCase(), shortNames = [], categories = [] } = names;
    return versions
      .filter(({ served }) => served !== false)
      .map((version, at) => ({
        ...{ group, version: version.name, resource: plural, singular, kind, shortNames, categories },
        ...{ namespaced: scope !== "Cluster", verbs: [], subresources: [], isPreferred: at === 0, isComing: true },
      }));
  });
}

const PATIENCE_MS = 10_000;
const LOOK_AGAIN_MS = 50;

/** Waits until a type that a file defined is served; all others are. @throws CliError when it does not come */
export async function untilServed(api: KubeApi, type: ServedType): Promise<void> {
  if (type.isComing !== true) return;
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await Bun.sleep(LOOK_AGAIN_MS)) {
    const { all } = await ResourceTypes.discover(api);
    if (all.some((one) => groupVersion(one) === groupVersion(type) && one.kind === type.kind)) return;
  }
  throw new CliError(
    `error: no matches for kind "${type.kind}" in version "${groupVersion(type)}"\nensure CRDs are installed first`,
  );
}
