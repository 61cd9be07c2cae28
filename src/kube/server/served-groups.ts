/** Groups, versions and resources of the API, brought together from all who serve some of them. Pure. */
import type { APIResource } from "../../model/kubernetes/meta.ts";
import type { RemoteGroupVersion } from "../aggregation/remote-apis.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import type { ServedKind } from "../machinery/registry.ts";
import { compareVersions, groupPriority, versionPriority } from "./group-order.ts";
import type { VirtualResource } from "./virtual-resources.ts";

const STORED_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const PARTIAL_VERBS = ["get", "patch", "update"];

export interface ResponseKind {
  group: string;
  version: string;
  kind: string;
}
interface SubresourceInfo {
  name: string;
  response: ResponseKind;
  verbs: readonly string[];
}
/** A resource of one group version as both kinds of documents tell it. */
export interface ResourceInfo {
  resource: string;
  singular: string;
  namespaced: boolean;
  response: ResponseKind;
  verbs: readonly string[];
  shortNames: readonly string[];
  categories: readonly string[];
  subresources: readonly SubresourceInfo[];
  isStored: boolean;
}
export interface GroupInfo {
  group: string;
  /** Preferred first. */
  versions: { version: string; resources: ResourceInfo[]; isCurrent: boolean }[];
}

interface VersionInfo {
  resources: ResourceInfo[];
  isCurrent: boolean;
  /** Of a server of its own, as its APIService says. */
  priorities?: { group: number; version: number };
}

/** Kinds that are stored, resources that are only answered and those of other servers, the preferred groups and versions first. */
export function collectGroups(
  served: readonly ServedKind[],
  virtual: readonly VirtualResource[],
  remote: readonly RemoteGroupVersion[],
): GroupInfo[] {
  const groups = new Map<string, Map<string, VersionInfo>>();
  const versionOf = (group: string, version: string): VersionInfo => {
    const versions = groups.get(group) ?? new Map<string, VersionInfo>();
    groups.set(group, versions);
    const info = versions.get(version) ?? { resources: [], isCurrent: true };
    versions.set(version, info);
    return info;
  };
  for (const kind of served) versionOf(kind.type.group, kind.type.version).resources.push(storedResource(kind));
  for (const one of virtual) versionOf(one.group, one.version).resources.push(virtualResource(one));
  for (const one of remote) {
    const info = versionOf(one.group, one.version);
    info.resources = remoteResources(one);
    info.isCurrent = one.isCurrent;
    info.priorities = { group: one.groupPriority, version: one.versionPriority };
  }
  const priorityOf = (group: string, versions: ReadonlyMap<string, VersionInfo>) =>
    Math.max(...[...versions.values()].map(({ priorities }) => priorities?.group ?? groupPriority(group)));
  return [...groups]
    .map(([group, versions]) => ({
      group,
      priority: priorityOf(group, versions),
      versions: [...versions]
        .map(([version, { resources, isCurrent, priorities }]) => ({
          version,
          isCurrent,
          priority: priorities?.version ?? versionPriority(version),
          resources: resources.sort((a, b) => (a.resource < b.resource ? -1 : 1)),
        }))
        .sort((a, b) => b.priority - a.priority || compareVersions(a.version, b.version)),
    }))
    .sort((a, b) => b.priority - a.priority || (a.group < b.group ? -1 : 1));
}

/** From a list in which subresources stand beside their resources. */
function remoteResources({ group, version, resources }: RemoteGroupVersion): ResourceInfo[] {
  const responseOf = (one: APIResource) => ({
    group: one.group || group,
    version: one.version || version,
    kind: one.kind,
  });
  return resources
    .filter(({ name }) => !name.includes("/"))
    .map((one) => ({
      resource: one.name,
      singular: one.singularName ?? "",
      namespaced: one.namespaced,
      response: responseOf(one),
      verbs: one.verbs,
      shortNames: one.shortNames ?? [],
      categories: one.categories ?? [],
      subresources: resources
        .filter(({ name }) => name.startsWith(`${one.name}/`))
        .map((sub) => ({ name: sub.name.slice(one.name.length + 1), response: responseOf(sub), verbs: sub.verbs })),
      isStored: false,
    }));
}

function storedResource({ definition, type }: ServedKind): ResourceInfo {
  return {
    resource: type.resource,
    singular: definition.singular,
    namespaced: type.namespaced,
    response: { group: type.group, version: type.version, kind: type.kind },
    verbs: definition.verbs ?? STORED_VERBS,
    shortNames: definition.shortNames ?? [],
    categories: definition.categories ?? [],
    subresources: subresourcesOf(definition, type),
    isStored: true,
  };
}

function subresourcesOf(definition: ResourceDefinition, type: ResponseKind): SubresourceInfo[] {
  const own = { group: type.group, version: type.version };
  const partial = Object.keys(definition.partialUpdates ?? {}).map((name) => ({
    name,
    response: { ...own, kind: type.kind },
    // A namespace is finalized by PUT alone.
    verbs: name === "finalize" ? ["update"] : PARTIAL_VERBS,
  }));
  const scale = {
    name: "scale",
    response: { group: "autoscaling", version: "v1", kind: "Scale" },
    verbs: PARTIAL_VERBS,
  };
  const acts = (definition.subresources ?? []).map(({ name, group, version, kind, verbs }) => ({
    name,
    response: { group: group ?? own.group, version: version ?? own.version, kind },
    verbs,
  }));
  return [...partial, ...(definition.scale === undefined ? [] : [scale]), ...acts].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
}

function virtualResource(one: VirtualResource): ResourceInfo {
  const { group, version, kind } = one;
  return {
    resource: one.resource,
    singular: one.singular,
    namespaced: one.namespaced,
    response: { group, version, kind },
    verbs: Object.keys(one.verbs),
    shortNames: one.shortNames ?? [],
    categories: [],
    subresources: [],
    isStored: false,
  };
}
