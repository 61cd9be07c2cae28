/** Which events a reader of `events` asked for. */
import type { EventMessage, Filters } from "../model/system.ts";

const ACCEPTED = new Set([
  "config",
  "container",
  "daemon",
  "event",
  "image",
  "label",
  "network",
  "node",
  "plugin",
  "scope",
  "secret",
  "service",
  "type",
  "volume",
]);

/** Filters that events do not have are passed over, as Docker does. */
export function eventFilter(filters: Filters): (event: EventMessage) => boolean {
  const tests = [...filters]
    .filter(([name, values]) => ACCEPTED.has(name) && values.length > 0)
    .map(([name, values]) => testFor(name, values));
  return (event) => tests.every((test) => test(event));
}

function testFor(name: string, values: string[]): (event: EventMessage) => boolean {
  switch (name) {
    case "event":
      // "exec_start: sh" answers to "exec_start" as well.
      return ({ Action }) => values.some((value) => Action === value || Action.startsWith(`${value}:`));
    case "type":
      return ({ Type }) => values.includes(Type);
    case "scope":
      return ({ scope }) => values.includes(scope);
    case "label":
      return ({ Actor }) => values.every((value) => hasLabel(Actor.Attributes, value));
    case "image":
      return (event) => matchesImage(event, values);
    default:
      return (event) => event.Type === name && matchesActor(event, values);
  }
}

function hasLabel(attributes: Record<string, string>, wanted: string): boolean {
  const at = wanted.indexOf("=");
  if (at < 0) return Object.hasOwn(attributes, wanted);
  return attributes[wanted.slice(0, at)] === wanted.slice(at + 1);
}

function matchesActor({ Actor }: EventMessage, values: string[]): boolean {
  const name = Actor.Attributes.name;
  return values.some((value) => Actor.ID.startsWith(value) || name === value);
}

function matchesImage({ Type, Actor }: EventMessage, values: string[]): boolean {
  const names = Type === "image" ? [Actor.ID, Actor.Attributes.name ?? ""] : [Actor.Attributes.image ?? ""];
  return values.some((value) => names.some((name) => name === value || withoutTag(name) === value));
}

function withoutTag(reference: string): string {
  const at = reference.lastIndexOf(":");
  return at > reference.lastIndexOf("/") ? reference.slice(0, at) : reference;
}
