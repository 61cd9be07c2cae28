/** Events: what a part of the cluster tells of an object, for `kubectl describe` and `kubectl get events`. */

import type { Event } from "../../model/kubernetes/core.ts";
import { CORE_EVENTS } from "../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { isStatus } from "../status.ts";
import { timestamp } from "./core.ts";
import { apiVersionOf } from "./definition.ts";
import { EventLimits } from "./event-limits.ts";

/** What an event is about; `fieldPath` for a part of it ("spec.containers{web}"). */
interface EventSubject {
  type: ResourceType;
  object: Stored<KubeObject>;
  fieldPath?: string;
}

export interface EventRecorder {
  /** Returns at once; an event that cannot be written is lost (events are news, not records). */
  record(subject: EventSubject, type: "Normal" | "Warning", reason: string, message: string): void;
}

interface Known {
  name: string;
  namespace: string;
  count: number;
}

/** Events that are remembered in order to be counted up instead of told again. */
const REMEMBERED = 4096;

/**
 * A recorder that tells events in the name of `component`. The same event of the same object is counted, not repeated.
 * @param host the node's name, for parts that run on one
 */
export function createEventRecorder(client: ClusterClient, component: string, host?: string): EventRecorder {
  const known = new Map<string, Promise<Known | undefined>>();
  const limits = new EventLimits();
  return {
    record(subject, type, reason, message) {
      const { uid } = subject.object.metadata;
      const now = Date.now();
      const group = [uid, subject.fieldPath, type, reason].join("\n");
      const told = limits.combined(group, message, now);
      if (!limits.allows(uid, now)) return;
      const key = told.isCombined ? group : `${group}\n${message}`;
      const written = (known.get(key) ?? Promise.resolve(undefined)).then((before) =>
        write(client, before, newEvent(subject, type, reason, told.message, component, host)),
      );
      known.delete(key);
      known.set(key, written);
      if (known.size > REMEMBERED) known.delete(known.keys().next().value!);
    },
  };
}

async function write(client: ClusterClient, before: Known | undefined, event: Event): Promise<Known | undefined> {
  const events = client.resource(CORE_EVENTS);
  try {
    if (before !== undefined) {
      const count = before.count + 1;
      try {
        await events.patch(before.namespace, before.name, "merge", {
          count,
          message: event.message,
          lastTimestamp: event.lastTimestamp,
        });
        return { ...before, count };
      } catch (error) {
        if (!isStatus(error, "NotFound")) throw error; // It has expired: told anew.
      }
    }
    await events.create(event.metadata.namespace, event);
    return { name: event.metadata.name!, namespace: event.metadata.namespace!, count: 1 };
  } catch {
    return undefined;
  }
}

/** The name is the object's with a number that no two moments share. */
let lastStamp = 0n;
function uniqueStamp(): string {
  const now = BigInt(Date.now()) * 1_000_000n;
  lastStamp = now > lastStamp ? now : lastStamp + 1n;
  return lastStamp.toString(16);
}

function newEvent(
  { type: kind, object, fieldPath }: EventSubject,
  type: string,
  reason: string,
  message: string,
  component: string,
  host: string | undefined,
): Event {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  const at = timestamp(Date.now());
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${name}.${uniqueStamp()}`, namespace: namespace ?? "default" },
    involvedObject: {
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      resourceVersion,
      ...(fieldPath === undefined ? {} : { fieldPath }),
    },
    type,
    reason,
    message: message.slice(0, 1024),
    source: { component, ...(host === undefined ? {} : { host }) },
    reportingComponent: component,
    reportingInstance: host ?? "",
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  };
}
