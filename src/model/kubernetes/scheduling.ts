/** Kubernetes' group api.scheduling.v1 as types. Written by scripts/kubernetes-types.ts. */

import type { ListMeta, ObjectMeta } from "./meta.ts";

export interface PriorityClass {
  apiVersion: string;
  description?: string;
  globalDefault?: boolean;
  kind: string;
  metadata: ObjectMeta;
  preemptionPolicy?: string;
  value: number;
}

export interface PriorityClassList {
  apiVersion: string;
  items: PriorityClass[];
  kind: string;
  metadata: ListMeta;
}
