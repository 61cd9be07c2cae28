/** Events: the same objects under two groups. They are forgotten after an hour. */

import type { Event } from "../../model/kubernetes/core.ts";
import type { Event as NewEvent } from "../../model/kubernetes/events.ts";
import { CORE_EVENTS } from "../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { invalid, required } from "../machinery/field-error.ts";

export const events: ResourceDefinition<Event> = {
  type: CORE_EVENTS,
  singular: "event",
  shortNames: ["ev"],
  createOnUpdate: true,
  lifetimeSeconds: 3600,
  versions: [{ group: "events.k8s.io", version: "v1", fromStorage: asNew, toStorage: asOld }],
  validate(event) {
    const about = event.involvedObject ?? {};
    const namespace = event.metadata.namespace;
    // What has no namespace itself is told of in "default".
    const fits = about.namespace
      ? about.namespace === namespace
      : namespace === "default" || namespace === "kube-system";
    const faults = fits
      ? []
      : [invalid("involvedObject.namespace", about.namespace ?? "", "does not match event.namespace")];
    if (event.eventTime && !event.reportingComponent) faults.push(required("reportingController"));
    return faults;
  },
  selectableFields: {
    "involvedObject.kind": (event) => event.involvedObject?.kind ?? "",
    "involvedObject.namespace": (event) => event.involvedObject?.namespace ?? "",
    "involvedObject.name": (event) => event.involvedObject?.name ?? "",
    "involvedObject.uid": (event) => event.involvedObject?.uid ?? "",
    "involvedObject.apiVersion": (event) => event.involvedObject?.apiVersion ?? "",
    "involvedObject.resourceVersion": (event) => event.involvedObject?.resourceVersion ?? "",
    "involvedObject.fieldPath": (event) => event.involvedObject?.fieldPath ?? "",
    "regarding.kind": (event) => event.involvedObject?.kind ?? "",
    "regarding.namespace": (event) => event.involvedObject?.namespace ?? "",
    "regarding.name": (event) => event.involvedObject?.name ?? "",
    "regarding.uid": (event) => event.involvedObject?.uid ?? "",
    reason: (event) => event.reason ?? "",
    reportingComponent: (event) => event.reportingComponent ?? event.source?.component ?? "",
    reportingController: (event) => event.reportingComponent ?? event.source?.component ?? "",
    source: (event) => event.source?.component ?? event.reportingComponent ?? "",
    type: (event) => event.type ?? "",
  },
};

/** Without members that are undefined: they would be null on the wire. */
function compact<T extends object>(object: T): T {
  for (const name of Object.keys(object) as (keyof T)[]) if (object[name] === undefined) delete object[name];
  return object;
}

function asNew(event: Stored<Event>): NewEvent {
  return compact({
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: event.metadata,
    action: event.action,
    deprecatedCount: event.count,
    deprecatedFirstTimestamp: event.firstTimestamp,
    deprecatedLastTimestamp: event.lastTimestamp,
    deprecatedSource: event.source,
    eventTime: event.eventTime as string,
    note: event.message,
    reason: event.reason,
    regarding: event.involvedObject,
    related: event.related,
    reportingController: event.reportingComponent,
    reportingInstance: event.reportingInstance,
    series: event.series as NewEvent["series"],
    type: event.type,
  });
}

function asOld(object: KubeObject): Event {
  const event = object as NewEvent;
  return compact({
    apiVersion: "v1",
    kind: "Event",
    metadata: event.metadata,
    action: event.action,
    count: event.deprecatedCount,
    eventTime: event.eventTime,
    firstTimestamp: event.deprecatedFirstTimestamp,
    lastTimestamp: event.deprecatedLastTimestamp,
    source: event.deprecatedSource,
    message: event.note,
    reason: event.reason,
    involvedObject: event.regarding ?? {},
    related: event.related,
    reportingComponent: event.reportingController,
    reportingInstance: event.reportingInstance,
    series: event.series,
    type: event.type,
  });
}
