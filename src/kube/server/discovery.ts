/**
 * What the API serves, in the two ways in which clients ask: a document for each group version, or all in one
 * (apidiscovery.k8s.io). Made from the registry, anew when that changes.
 */
import { createHash } from "node:crypto";
import type { APIGroup, APIResource } from "../../model/kubernetes/meta.ts";
import type { RemoteApis } from "../aggregation/remote-apis.ts";
import { apiVersionOf } from "../machinery/definition.ts";
import type { Registry } from "../machinery/registry.ts";
import { collectGroups, type GroupInfo, type ResourceInfo, type ResponseKind } from "./served-groups.ts";
import type { VirtualResource } from "./virtual-resources.ts";

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
