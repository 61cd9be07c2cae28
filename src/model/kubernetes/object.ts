/** What every object of the Kubernetes API has, and how kinds are named in code. */

import type { ObjectMeta } from "./meta.ts";

/** Any object of the API. Objects that come from the API are shared and frozen: copy (structuredClone) before changing. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** An object as it came from the store. */
export type Stored<T extends KubeObject> = T & {
  metadata: ObjectMeta & { name: string; uid: string; resourceVersion: string; creationTimestamp: string };
};

/** A kind as it is spoken of in code; the constants are in names.ts (PODS, DEPLOYMENTS, …). */
export interface ResourceType<T extends KubeObject = KubeObject> {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, lower case: "pods". */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Only for the type system. */
  readonly example?: T;
}
