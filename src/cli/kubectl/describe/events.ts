/** The events of an object, and how kubectl lists them. */

import type { Event } from "../../../model/kubernetes/core.ts";
import type { KubeApi } from "../kube-api.ts";
import { ageSince } from "./describer.ts";

interface Described {
  readonly kind: string;
  readonly metadata: { name: string; namespace?: string; uid?: string };
}

/** Oldest first. Of a node all that bear its name: its agent knows no other identity. */
export async function eventsOf(api: KubeApi, { kind, metadata }: Described): Promise<Event[]> {
  const fields = [`involvedObject.name=${metadata.name}`, `involvedObject.kind=${kind}`];
  if (kind !== "Node" && metadata.uid !== undefined) fields.push(`involvedObject.uid=${metadata.uid}`);
  if (metadata.namespace !== undefined) fields.push(`involvedObject.namespace=${metadata.namespace}`);
  const place = metadata.namespace === undefined ? "" : `/namespaces/${encodeURIComponent(metadata.namespace)}`;
  const query = { fieldSelector: fields.join(","), limit: 500 };
  const { items = [] } = await api.get<{ items?: Event[] }>(`/api/v1${place}/events`, { query });
  return items.sort((one, other) => seenAt(one) - seenAt(other));
}

/** When it came last, in milliseconds since 1970. */
export const seenAt = ({ series, lastTimestamp, eventTime }: Event): number =>
  Date.parse(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? "") || 0;

/** A table of events, each with its age. */
export function eventLines(events: readonly Event[]): string[] {
  if (events.length === 0) return ["Events:\t<none>"];
  const rows = events.map((event) => {
    const from = event.source?.component || event.reportingComponent || "";
    const field = event.involvedObject.fieldPath;
    const message = `${field ? `${field}: ` : ""}${(event.message ?? "").trim()}`;
    return `  ${event.type ?? ""}\t${event.reason ?? ""}\t${lastSeen(event)}\t${from}\t${message}`;
  });
  return ["Events:", "  Type\tReason\tAge\tFrom\tMessage", "  ----\t------\t----\t----\t-------", ...rows];
}

/** "5s", or "5s (x3 over 2m)" of what came several times. */
export function lastSeen(event: Event): string {
  const first = ageSince(event.firstTimestamp ?? event.eventTime);
  if (event.series !== undefined)
    return `${ageSince(event.series.lastObservedTime)} (x${event.series.count} over ${first})`;
  return (event.count ?? 0) > 1 ? `${ageSince(event.lastTimestamp)} (x${event.count} over ${first})` : first;
}
