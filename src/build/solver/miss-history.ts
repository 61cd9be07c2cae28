/** Why a step missed the cache: its key's parts are compared with those that the same instruction had last. */
import type { Collection, StateStore } from "../../store/contract.ts";
import type { KeyParts } from "./cache-key.ts";
import type { Listings } from "./content-digests.ts";
import type { Step } from "./graph.ts";

interface Slot {
  parts: KeyParts;
  listings: Listings;
  /** RFC 3339. */
  at: string;
}

const MAX_SLOTS = 2000;

export class MissHistory {
  private readonly slots: Collection<Slot>;

  constructor(store: StateStore) {
    this.slots = store.collection("build-slots");
  }

  /** Remembers what an instruction was last built from. */
  note({ show: { slot } }: Step, parts: KeyParts, listings: Listings): void {
    if (slot === undefined) return;
    const known = this.slots.get(slot);
    if (known && sameParts(known.parts, parts)) return;
    this.slots.put(slot, { parts, listings, at: new Date().toISOString() }).catch(() => {});
    if (this.slots.size > MAX_SLOTS) this.forgetOldest();
  }

  /** Undefined when the instruction was never built. */
  explain({ show: { slot } }: Step, parts: KeyParts, listings: Listings): string | undefined {
    const known = slot === undefined ? undefined : this.slots.get(slot);
    return known && explainDifference(known, { parts, listings });
  }

  private forgetOldest(): void {
    const byAge = [...this.slots.entries()].sort(([, a], [, b]) => (a.at < b.at ? -1 : 1));
    for (const [slot] of byAge.slice(0, MAX_SLOTS / 10)) this.slots.delete(slot).catch(() => {});
  }
}

function sameParts(a: KeyParts, b: KeyParts): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** In a sentence: "app.js changed", "VERSION is 2, was 1". */
export function explainDifference(before: Omit<Slot, "at">, now: Omit<Slot, "at">): string {
  const names = [...new Set([...Object.keys(now.parts), ...Object.keys(before.parts)])];
  const changed = names.filter((name) => before.parts[name] !== now.parts[name]);
  // What comes from below is named last: a change of one's own says more.
  const [first] = [...changed.filter((name) => name !== "base"), ...changed];
  if (first === undefined) return "its cached result is gone";
  const files = now.listings[first] && before.listings[first];
  if (files) return explainFiles(before.listings[first]!, now.listings[first]!);
  return explainPart(first, before.parts[first], now.parts[first]);
}

function explainPart(name: string, before: string | undefined, now: string | undefined): string {
  const [kind, ...rest] = name.split(" ");
  const subject = rest.join(" ");
  switch (kind) {
    case "base":
      return "what it stands on changed";
    case "variable":
      if (before === undefined) return `${subject} is ${now}, was not set`;
      return now === undefined ? `${subject} is no longer set, was ${before}` : `${subject} is ${now}, was ${before}`;
    case "command":
    case "action":
    case "type":
      return "the instruction changed";
    case "text":
      return "the text of its here-document changed";
    case "files":
      return "the files that it takes changed";
    default:
      return `${name} changed`;
  }
}

function explainFiles(before: Record<string, string>, now: Record<string, string>): string {
  const paths = [...new Set([...Object.keys(now), ...Object.keys(before)])].filter(
    (path) => before[path] !== now[path],
  );
  const [first] = paths;
  if (first === undefined) return "the files that it takes changed";
  const verb = before[first] === undefined ? "is new" : now[first] === undefined ? "is gone" : "changed";
  const others = paths.length > 1 ? ` and ${paths.length - 1} more` : "";
  return `${first || "."} ${verb}${others}`;
}
