/** What all acts of the machinery share, and who asks for one. */

import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { SchemaSet } from "../schema/contract.ts";
import type { AdmissionStep, User } from "./admission.ts";
import type { ClusterState } from "./cluster-state.ts";
import { apiVersionOf, type WriteContext } from "./definition.ts";
import type { Registry, ServedKind } from "./registry.ts";

export interface Core {
  readonly state: ClusterState;
  readonly registry: Registry;
  readonly schemas: SchemaSet;
  /** Steps that all writes pass; parts add theirs when they are built. */
  readonly admission: AdmissionStep[];
  readonly subresources: Map<string, SubresourceHandler>;
  /** Unix milliseconds. */
  now(): number;
}

export interface Caller {
  readonly user: User;
  /** The field manager when a write names none. */
  readonly manager: string;
}

interface SubresourceCall {
  readonly caller: Caller;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly body: unknown;
  readonly dryRun: boolean;
}
/** What POST to a subresource does; answers the subresource's own object. */
export type SubresourceHandler = (call: SubresourceCall) => Promise<unknown>;

/** The key of a handler in Core.subresources. */
export function subresourceKey(type: ResourceType, subresource: string): string {
  return `${type.group}/${type.resource}/${subresource}`;
}

/** Unix milliseconds as metav1.Time: RFC 3339 in whole seconds. */
export function timestamp(now: number): string {
  return `${new Date(now).toISOString().slice(0, 19)}Z`;
}

export function writeContext(core: Core, caller: Caller, warn: ((message: string) => void) | undefined): WriteContext {
  const { name, ...user } = caller.user;
  return { now: core.now(), user: name, ...user, warn: warn ?? (() => {}) };
}

/** The stored object in the version that the client asked for. */
export function asServed<T extends KubeObject>(kind: ServedKind, object: Stored<KubeObject>): Stored<T> {
  return (kind.conversion === undefined ? object : kind.conversion.fromStorage(object)) as Stored<T>;
}

/** An object of the served version as it would be stored. Answers `object` itself when that is the stored version. */
export function asStorage(kind: ServedKind, object: KubeObject): KubeObject {
  if (kind.conversion === undefined) return object;
  const converted = kind.conversion.toStorage(object);
  converted.apiVersion = apiVersionOf(kind.definition.type);
  converted.kind = kind.definition.type.kind;
  return converted;
}
