/**
 * What the API serves, in the two ways in which clients ask: a document for each group version, or all in one
 * (apidiscovery.k8s.io). Made from the registry, anew when that changes.
 */
import { createHash } from "node:crypto";
import type { APIGroup, APIResource } from "../../model/kubernetes/meta.ts";
import type { RemoteApis, RemoteGroupVersion } from "../aggregation/remote-apis.ts";
import { apiVersionOf, type ResourceDefinition } from "../machinery/definition.ts";
import type { Registry, ServedKind } from "../machinery/registry.ts";
import { compareVersions, groupPriority, versionPriority } from "./group-order.ts";
import type { VirtualResource } from "./virtual-resources.ts";

const STORED_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const PARTIAL_VERBS = ["get", "patch", "update"];

interface ResponseKind {
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
interface ResourceInfo {
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
interface GroupInfo {
  group: string;
  /** Preferred first. */
  versions: { version: string; resources: ResourceInfo[]; isCurrent: boolean }[];
}

export class Discovery {
  #groups: GroupInfo[] | undefined;
  readonly #documents = new Map<string, { body: string; etag: string }>();

  constructor(
    private readonly registry: Registry,
    private readonly virtual: readonly VirtualResource[],
    private readonly remotes?: RemoteApis,
  ) {
    const forget = () => {
      this.#groups = undefined;
      this.#documents.clear();
    };
    registry.onChanged(forget);
    remotes?.onChanged(forget);
  }

  /** /api and /apis in one document; `isCore` chooses which. With its ETag, so that clients keep it. */
  aggregated(isCore: boolean, version: string): { body: string; etag: string } {
    const key = `${isCore} ${version}`;
    const known = this.#documents.get(key);
    if (known !== undefined) return known;
    const items = this.#all()
      .filter(({ group }) => (group === "") === isCore)
      .map(aggregatedGroup);
    const kind = "APIGroupDiscoveryList";
    const body = JSON.stringify({ kind, apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items });
    const made = { body, etag: `"${createHash("sha256").update(body).digest("hex").toUpperCase()}"` };
    this.#documents.set(key, made);
    return made;
  }

  /** /api */
  coreVersions(address: string): unknown {
    return {
      kind: "APIVersions",
      versions: ["v1"],
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: address }],
    };
  }

  /** /apis */
  groupList(): unknown {
    const groups = this.#all().filter(({ group }) => group !== "");
    return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map(plainGroup) };
  }

  /** /apis/apps; undefined when there is no such group */
  group(name: string): unknown {
    const found = this.#all().find(({ group }) => group === name);
    return found === undefined || name === ""
      ? undefined
      : { kind: "APIGroup", apiVersion: "v1", ...plainGroup(found) };
  }

  /** /api/v1, /apis/apps/v1; undefined when it is not served */
  resources(group: string, version: string): unknown {
    const found = this.#all()
      .find((info) => info.group === group)
      ?.versions.find((info) => info.version === version);
    if (found === undefined) return undefined;
    return {
      kind: "APIResourceList",
      ...(group === "" ? {} : { apiVersion: "v1" }),
      groupVersion: apiVersionOf({ group, version }),
      resources: found.resources.flatMap((info) => plainResources(info, group, version)),
    };
  }

  /** Those that this server answers for itself. */
  localGroupVersions(): { group: string; version: string }[] {
    return collectGroups(this.registry.served(), this.virtual, []).flatMap(({ group, versions }) =>
      versions.map(({ version }) => ({ group, version })),
    );
  }

  /** Groups and versions, preferred first. */
  groupVersions(): { group: string; version: string }[] {
    return this.#all().flatMap(({ group, versions }) => versions.map(({ version }) => ({ group, version })));
  }

  #all(): GroupInfo[] {
    this.#groups ??= collectGroups(this.registry.served(), this.virtual, this.remotes?.groupVersions() ?? []);
    return this.#groups;
  }
}

interface VersionInfo {
  resources: ResourceInfo[];
  isCurrent: boolean;
  /** Of a server of its own, as its APIService says. */
  priorities?: { group: number; version: number };
}

function collectGroups(
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

function aggregatedGroup({ group, versions }: GroupInfo): unknown {
  return {
    metadata: group === "" ? { creationTimestamp: null } : { name: group, creationTimestamp: null },
    versions: versions.map(({ version, resources, isCurrent }) => ({
      version,
      resources: resources.map(aggregatedResource),
      freshness: isCurrent ? "Current" : "Stale",
    })),
  };
}

function aggregatedResource(info: ResourceInfo): unknown {
  return {
    resource: info.resource,
    responseKind: info.response,
    scope: info.namespaced ? "Namespaced" : "Cluster",
    singularResource: info.singular,
    verbs: info.verbs,
    ...(info.shortNames.length === 0 ? {} : { shortNames: info.shortNames }),
    ...(info.categories.length === 0 ? {} : { categories: info.categories }),
    ...(info.subresources.length === 0
      ? {}
      : {
          subresources: info.subresources.map(({ name, response, verbs }) => ({
            subresource: name,
            responseKind: response,
            verbs,
          })),
        }),
  };
}

function plainGroup({ group, versions }: GroupInfo): APIGroup {
  const list = versions.map(({ version }) => ({ groupVersion: apiVersionOf({ group, version }), version }));
  return { name: group, versions: list, preferredVersion: list[0]! };
}

function plainResources(info: ResourceInfo, group: string, version: string): APIResource[] {
  const foreign = (response: ResponseKind) =>
    response.group === group && response.version === version
      ? {}
      : { group: response.group, version: response.version };
  const own: APIResource = {
    name: info.resource,
    singularName: info.singular,
    namespaced: info.namespaced,
    kind: info.response.kind,
    verbs: [...info.verbs],
    ...(info.shortNames.length === 0 ? {} : { shortNames: [...info.shortNames] }),
    ...(info.categories.length === 0 ? {} : { categories: [...info.categories] }),
    ...(info.isStored ? { storageVersionHash: versionHash(group, version, info.response.kind) } : {}),
  };
  const more = info.subresources.map(({ name, response, verbs }) => ({
    name: `${info.resource}/${name}`,
    singularName: "",
    namespaced: info.namespaced,
    ...foreign(response),
    kind: response.kind,
    verbs: [...verbs],
  }));
  return [own, ...more];
}

function versionHash(group: string, version: string, kind: string): string {
  return createHash("sha256").update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString("base64");
}
