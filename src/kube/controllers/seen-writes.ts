/** Waiting until an informer knows what was just written, so that the next look does not decide on what was there before. */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { Informer } from "../contract.ts";

/** A watch that lags longer than this has other worries; the next event corrects a wrong decision. */
const LONGEST_LAG_MS = 10_000;

/** The newest version that an informer has told of. */
class VersionMark {
  newest = 0;
  readonly #waiting = new Set<() => void>();

  constructor(informer: Informer<KubeObject>) {
    const note = (object: Stored<KubeObject>) => {
      this.newest = Math.max(this.newest, Number(object.metadata.resourceVersion));
      for (const wake of this.#waiting) wake();
    };
    informer.subscribe({ added: note, updated: (_before, after) => note(after), deleted: note });
  }

  async until(isSeen: () => boolean): Promise<void> {
    if (isSeen()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => {
      if (isSeen()) resolve();
    };
    this.#waiting.add(wake);
    const timer = setTimeout(resolve, LONGEST_LAG_MS);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(wake);
  }
}
const marks = new WeakMap<Informer<KubeObject>, VersionMark>();

/**
 * Resolves when the informer knows all of these; at once in a cluster with its own store.
 * @param written as the API answered them
 * @param removed objects that were asked to go
 */
export async function untilSeen<T extends KubeObject>(
  informer: Informer<T>,
  written: readonly Stored<T>[],
  removed: readonly Stored<T>[] = [],
): Promise<void> {
  const shared = informer as unknown as Informer<KubeObject>;
  const mark = marks.get(shared) ?? new VersionMark(shared);
  marks.set(shared, mark);
  const newest = Math.max(0, ...written.map((object) => Number(object.metadata.resourceVersion)));
  await mark.until(() => mark.newest >= newest && removed.every((object) => isLeaving(informer, object)));
}

function isLeaving<T extends KubeObject>(informer: Informer<T>, object: Stored<T>): boolean {
  const known = informer.get(object.metadata.namespace, object.metadata.name);
  return (
    known === undefined || known.metadata.uid !== object.metadata.uid || known.metadata.deletionTimestamp !== undefined
  );
}
