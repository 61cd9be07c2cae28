/** Kubernetes' group api.discovery.v1 as types. Written by scripts/kubernetes-types.ts. */

import type { ObjectReference } from "./core.ts";
import type { ListMeta, ObjectMeta } from "./meta.ts";

export interface Endpoint {
  addresses: string[];
  conditions?: EndpointConditions;
  deprecatedTopology?: Record<string, string>;
  hints?: EndpointHints;
  hostname?: string;
  nodeName?: string;
  targetRef?: ObjectReference;
  zone?: string;
}

export interface EndpointConditions {
  ready?: boolean;
  serving?: boolean;
  terminating?: boolean;
}

export interface EndpointHints {
  forNodes?: ForNode[];
  forZones?: ForZone[];
}

export interface EndpointPort {
  appProtocol?: string;
  name?: string;
  port?: number;
  protocol?: string;
}

export interface EndpointSlice {
  addressType: string;
  apiVersion: string;
  endpoints: Endpoint[];
  kind: string;
  metadata: ObjectMeta;
  ports?: EndpointPort[];
}

export interface EndpointSliceList {
  apiVersion: string;
  items: EndpointSlice[];
  kind: string;
  metadata: ListMeta;
}

export interface ForNode {
  name: string;
}

export interface ForZone {
  name: string;
}
