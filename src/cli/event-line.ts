import { jsonText } from "../lib/go-template/json.ts";
import { GoStruct, sortedKeys } from "../lib/go-template/values.ts";
import { rfc3339Nano } from "./rows/row-text.ts";

/** A message of the events stream; times beyond 2^53 come as bigint. */
export interface EventJson {
  status?: string;
  id?: string;
  from?: string;
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> | null };
  scope: string;
  time: number;
  timeNano: bigint | number;
}

const NANOSECONDS = 1_000_000_000n;

/** An event as `events` prints it: time, kind, action, id, and the sorted attributes in parentheses. */
export function eventLine(event: EventJson): string {
  const nanoseconds = event.timeNano ? BigInt(event.timeNano) : BigInt(event.time) * NANOSECONDS;
  const attributes = Object.entries(event.Actor.Attributes ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .sort();
  const suffix = attributes.length > 0 ? ` (${attributes.join(", ")})` : "";
  return `${rfc3339Nano(nanoseconds)} ${event.Type} ${event.Action} ${event.Actor.ID}${suffix}`;
}

/** An event as JSON with the fields in Docker's order. */
export function eventJson(event: EventJson): string {
  const { status, id, from, Type, Action, Actor, scope, time, timeNano } = event;
  const legacy = status === undefined ? {} : { status, ...(id && { id }), ...(from && { from }) };
  const attributes = Actor.Attributes ?? {};
  const Attributes = Object.fromEntries(sortedKeys(attributes).map((name) => [name, attributes[name]]));
  const fields = { ...legacy, Type, Action, Actor: { ID: Actor.ID, Attributes }, scope, time, timeNano };
  return jsonText(fields, { escapeHtml: true });
}

/** An event as templates see it. */
export function eventView(event: EventJson): GoStruct {
  return new GoStruct("*events.Message", {
    Status: event.status ?? "",
    ID: event.id ?? "",
    From: event.from ?? "",
    Type: event.Type,
    Action: event.Action,
    Actor: new GoStruct("events.Actor", { ID: event.Actor.ID, Attributes: event.Actor.Attributes ?? {} }),
    Scope: event.scope ?? "",
    Time: event.time,
    TimeNano: event.timeNano,
  });
}
