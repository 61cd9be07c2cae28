/** What the server serves, found by any name that users have for it: "po", "pods", "Pod", "deploy", "deployments.v1.apps". */

import { CliError } from "../cli-error.ts";
import { type KubeApi, KubeApiError } from "./kube-api.ts";

export interface ServedType {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly string[];
  /** The version that the group prefers. */
  readonly isPreferred: boolean;
  /** Not served yet: a definition in the user's files will bring it. */
  readonly isComing?: boolean;
}

/** Whose kind is looked for, for messages. */
interface KindSource {
  readonly source: string;
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
}

interface Discovery {
  items?: {
    metadata?: { name?: string };
    versions?: {
      version: string;
      resources?: {
        resource: string;
        singularResource?: string;
        responseKind?: { kind: string };
        scope: string;
        shortNames?: string[];
        categories?: string[];
        verbs?: string[];
        subresources?: { subresource: string }[];
      }[];
    }[];
  }[];
}
const AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/** "apps/v1" and "v1" of a group and version. */
export const groupVersion = ({ group, version }: Pick<ServedType, "group" | "version">): string =>
  group === "" ? version : `${group}/${version}`;

/** "deployments.apps", "pods". */
export const qualified = ({ resource, group }: Pick<ServedType, "resource" | "group">): string =>
  group === "" ? resource : `${resource}.${group}`;

/** The name that commands print: "deployment.apps/web", "pod/web". */
export const printedName = ({ singular, group }: ServedType, name: string): string =>
  `${singular}${group === "" ? "" : `.${group}`}/${name}`;

/** The path of a type's collection or of one object. */
export function pathOf(type: ServedType, namespace: string | undefined, name?: string, subresource?: string): string {
  const root = type.group === "" ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const place = type.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const object = name === undefined ? "" : `/${encodeURIComponent(name)}`;
  return `${root}${place}/${type.resource}${object}${subresource === undefined ? "" : `/${subresource}`}`;
}

/** The types of one server, as it told of them at once. */
export class ResourceTypes {
  private constructor(readonly all: readonly ServedType[]) {}

  static async discover(api: KubeApi): Promise<ResourceTypes> {
    const [core, groups] = await Promise.all([discovered(api, "/api"), discovered(api, "/apis")]);
    return new ResourceTypes([...typesIn(core), ...typesIn(groups)]);
  }

  /** With types that the server does not have yet. */
  with(coming: readonly ServedType[]): ResourceTypes {
    const isServed = (type: ServedType) =>
      this.all.some((one) => groupVersion(one) === groupVersion(type) && one.kind === type.kind);
    return new ResourceTypes([...this.all, ...coming.filter((type) => !isServed(type))]);
  }

  /** @throws CliError `error: the server doesn't have a resource type "x"` */
  find(name: string): ServedType {
    const found = this.lookUp(name);
    if (found !== undefined) return found;
    throw new CliError(`error: the server doesn't have a resource type "${name.split(".")[0]}"`);
  }

  /** The type of an object. @throws CliError `no matches for kind …` */
  ofKind(apiVersion: string, kind: string, from?: KindSource): ServedType {
    const found = this.all.find((type) => groupVersion(type) === apiVersion && type.kind === kind);
    if (found !== undefined) return found;
    const { name = "", namespace = "", source } = from ?? {};
    const where =
      source === undefined
        ? ""
        : `resource mapping not found for name: "${name}" namespace: "${namespace}" from "${source}": `;
    throw new CliError(
      `error: ${where}no matches for kind "${kind}" in version "${apiVersion}"\nensure CRDs are installed first`,
    );
  }

  /** Types of a category, such as "all". */
  inCategory(name: string): ServedType[] {
    return this.all.filter(({ categories, isPreferred }) => isPreferred && categories.includes(name));
  }

  /** "deployments", "deployments.apps", "deployments.v1.apps", and every other name in place of the first part; undefined for none. */
  lookUp(text: string): ServedType | undefined {
    const plain = this.choose(text, undefined, undefined);
    if (plain !== undefined) return plain;
    const dot = text.indexOf(".");
    if (dot < 0) return undefined;
    const [name, rest] = [text.slice(0, dot), text.slice(dot + 1)];
    const byGroup = this.choose(name, rest, undefined);
    if (byGroup !== undefined) return byGroup;
    const second = rest.indexOf(".");
    if (second < 0) return undefined;
    const [version, group] = [rest.slice(0, second), rest.slice(second + 1)];
    return this.choose(name, group, version) ?? this.choose(name, group === "core" ? "" : group, version);
  }

  private choose(typed: string, group: string | undefined, version: string | undefined): ServedType | undefined {
    const name = typed.toLowerCase();
    const candidates = this.all.filter(
      (type) =>
        (group === undefined || type.group === group) &&
        (version === undefined ? type.isPreferred : type.version === version),
    );
    // A full name goes before a short one, however the groups are ordered.
    return (
      candidates.find(({ resource }) => resource === name) ??
      candidates.find(({ singular, kind }) => singular === name || kind.toLowerCase() === name) ??
      candidates.find(({ shortNames }) => shortNames.includes(typed))
    );
  }
}

async function discovered(api: KubeApi, path: string): Promise<Discovery> {
  try {
    return await api.get<Discovery>(path, { accept: AGGREGATED });
  } catch (error) {
    if (!(error instanceof KubeApiError) || error.code !== 401) throw error;
    throw new CliError(
      "error: You must be logged in to the server (the server has asked for the client to provide credentials)",
    );
  }
}

function typesIn({ items = [] }: Discovery): ServedType[] {
  return items.flatMap(({ metadata, versions = [] }) =>
    versions.flatMap(({ version, resources = [] }, at) =>
      resources.map((one) => ({
        group: metadata?.name ?? "",
        version,
        resource: one.resource,
        singular: one.singularResource || (one.responseKind?.kind ?? one.resource).toLowerCase(),
        kind: one.responseKind?.kind ?? "",
        namespaced: one.scope === "Namespaced",
        shortNames: one.shortNames ?? [],
        categories: one.categories ?? [],
        verbs: one.verbs ?? [],
        subresources: (one.subresources ?? []).map(({ subresource }) => subresource),
        isPreferred: at === 0 || !versions[0]?.resources?.some(({ resource }) => resource === one.resource),
      })),
    ),
  );
}
