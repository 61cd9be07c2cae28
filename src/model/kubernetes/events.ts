/** Kubernetes' group api.events.v1 as types. Written by scripts/kubernetes-types.ts. */

import type { EventSource, ObjectReference } from "./core.ts";
import type { ListMeta, ObjectMeta } from "./meta.ts";

export interface Event {
  action?: string;
  apiVersion: string;
  deprecatedCount?: number;
  deprecatedFirstTimestamp?: string;
  deprecatedLastTimestamp?: string;
  deprecatedSource?: EventSource;
  eventTime: string;
  kind: string;
  metadata: ObjectMeta;
  note?: string;
  reason?: string;
  regarding?: ObjectReference;
  related?: ObjectReference;
  reportingController?: string;
  reportingInstance?: string;
  series?: EventSeries;
  type?: string;
}

export interface EventList {
  apiVersion: string;
  items: Event[];
  kind: string;
  metadata: ListMeta;
}

export interface EventSeries {
  count: number;
  lastObservedTime: string;
}
