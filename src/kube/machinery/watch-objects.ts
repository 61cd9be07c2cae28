/**
 * Watches: the state as events when asked for, then every change, from the kind's ring. A watcher keeps only its place in the
 * ring, so a slow one costs nothing; one that falls out of the ring is told to list again (410).
 */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { WatchEvent, WatchOptions } from "../contract.ts";
import { StatusError } from "../status.ts";
import type { Core } from "./core.ts";
import { apiVersionOf } from "./definition.ts";
import type { Change } from "./event-ring.ts";
import { revisionOf, type Selector, selectorOf } from "./list-objects.ts";
import type { ServedKind } from "./registry.ts";
import { atRevision } from "./stored-json.ts";
import { servedObject, servedObjects } from "./versions.ts";

type AnyEvent = WatchEvent<KubeObject>;

/** Clients that asked for bookmarks hear so often that they are up to date. */
const BOOKMARK_EVERY_MS = 60_000;
/** How many changes are handed over before others get their turn. */
const SLICE = 500;

/**
 * Begins the watch (so that a bad selector or a version that is gone is told before the first event), and answers its events.
 * @throws StatusError BadRequest, Expired ("too old resource version"), Timeout
 */
export async function openWatch<T extends KubeObject>(
  core: Core,
  kind: ServedKind,
  options: WatchOptions,
  signal: AbortSignal,
): Promise<AsyncIterable<WatchEvent<T>>> {
  const selector = selectorOf(kind, options);
  const { resourceVersion = "" } = options;
  const cache = core.state.kind(kind.definition.type);
  const fresh = resourceVersion === "" || resourceVersion === "0";
  if (fresh && resourceVersion === "") await core.state.catchUp();
  if (!fresh) await core.state.reach(revisionOf(resourceVersion));
  const withState = options.sendInitialEvents ?? fresh;
  const start = withState || fresh ? cache.ring.next : cache.ring.after(revisionOf(resourceVersion));
  if (start === undefined) {
    throw new StatusError("Expired", `too old resource version: ${resourceVersion} (${cache.ring.oldest})`);
  }
  const state = withState ? cache.list(selector.namespace).filter(selector.matches) : [];
  const revision = core.state.revision;
  return watchFrom(core, kind, selector, options, { start, state, revision }, signal) as AsyncIterable<WatchEvent<T>>;
}

interface Beginning {
  readonly start: number;
  readonly state: readonly Stored<KubeObject>[];
  readonly revision: number;
}

async function* watchFrom(
  core: Core,
  kind: ServedKind,
  selector: Selector,
  options: WatchOptions,
  beginning: Beginning,
  signal: AbortSignal,
): AsyncGenerator<AnyEvent> {
  const cache = core.state.kind(kind.definition.type);
  const alarm = new Alarm(signal, options);
  const ends = [
    cache.onProgress(() => alarm.ring()),
    // A kind that is served no more (its definition is deleted) has no events either.
    core.registry.onChanged(() => isServed(core, kind) || alarm.finish()),
  ];
  try {
    for (const object of await servedObjects<KubeObject>(kind, beginning.state)) {
      if (signal.aborted) return;
      if (selector.matchesServed?.(object) ?? true) yield { type: "ADDED", object };
    }
    if (options.sendInitialEvents && options.allowBookmarks) yield bookmark(kind, beginning.revision, true);
    let next = beginning.start;
    while (!signal.aborted) {
      if (cache.ring.isGone(next)) throw new StatusError("Expired", "the watcher is too far behind: list again");
      for (let count = 0; count < SLICE; count++) {
        const change = cache.ring.at(next);
        if (change === undefined || signal.aborted) break;
        next++;
        const event = await servedEvent(kind, selector, change);
        if (event !== undefined) yield event;
      }
      if (cache.ring.at(next) !== undefined) continue;
      const why = await alarm.wait();
      if (why === "end") return;
      if (why === "bookmark" && cache.ring.at(next) === undefined) yield bookmark(kind, core.state.revision, false);
    }
  } finally {
    for (const end of ends) end();
    alarm.close();
  }
}

function isServed({ registry }: Core, { type }: ServedKind): boolean {
  return registry.find(type.group, type.version, type.resource) !== undefined;
}

/** The event of a change in the served version, if the watcher sees it. @throws as servedObjects */
async function servedEvent(kind: ServedKind, selector: Selector, change: Change): Promise<AnyEvent | undefined> {
  const event = eventOf(selector, change);
  if (event === undefined || kind.conversion === undefined) return event;
  const { matchesServed } = selector;
  if (matchesServed === undefined) return { type: event.type, object: await servedObject(kind, event.object) };
  const { object, previous } = change;
  const versions = await servedObjects<KubeObject>(kind, previous === undefined ? [object] : [object, previous]);
  const matches = (served: KubeObject) => selector.matches(served) && matchesServed(served);
  return eventOf({ matches }, { ...change, object: versions[0]!, previous: versions[1] });
}

/** What a change means to somebody who sees only part of the objects: one may come into sight or go out of it. */
function eventOf(
  selector: Pick<Selector, "matches">,
  { deleted, object, previous, revision }: Change,
): AnyEvent | undefined {
  const now = !deleted && selector.matches(object);
  const before = previous !== undefined && selector.matches(previous);
  if (now) return { type: before ? "MODIFIED" : "ADDED", object };
  if (!before) return undefined;
  const last = deleted ? object : atRevision(previous, revision);
  return { type: "DELETED", object: last };
}

function bookmark(kind: ServedKind, revision: number, initial: boolean): AnyEvent {
  const metadata = {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(initial ? { annotations: { "k8s.io/initial-events-end": "true" } } : {}),
  };
  const object = { kind: kind.type.kind, apiVersion: apiVersionOf(kind.type), metadata };
  return { type: "BOOKMARK", object: object as unknown as Stored<KubeObject> };
}

/** Wakes the watch: for changes, for a bookmark, at its end. */
class Alarm {
  private changed = false;
  private due = false;
  private ended = false;
  private wake: (() => void) | undefined;
  private readonly timers: ReturnType<typeof setTimeout>[] = [];
  private readonly onAbort = () => this.ring();

  constructor(
    private readonly signal: AbortSignal,
    { timeoutSeconds, allowBookmarks }: WatchOptions,
  ) {
    signal.addEventListener("abort", this.onAbort);
    if (timeoutSeconds !== undefined && timeoutSeconds > 0) {
      this.timers.push(setTimeout(() => this.finish(), timeoutSeconds * 1000));
    }
    if (allowBookmarks) this.timers.push(setInterval(() => this.remind(), BOOKMARK_EVERY_MS));
    for (const timer of this.timers) timer.unref();
  }

  ring(): void {
    this.changed = true;
    this.wake?.();
  }

  /** The watch ends once everything that happened is told. */
  finish(): void {
    this.ended = true;
    this.wake?.();
  }

  async wait(): Promise<"change" | "bookmark" | "end"> {
    if (!this.changed && !this.due && !this.ended && !this.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = undefined;
    }
    if (this.ended || this.signal.aborted) return "end";
    if (this.changed) {
      this.changed = false;
      return "change";
    }
    this.due = false;
    return "bookmark";
  }

  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.signal.removeEventListener("abort", this.onAbort);
  }

  private remind(): void {
    this.due = true;
    this.wake?.();
  }
}
