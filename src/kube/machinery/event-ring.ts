/** The last changes of one kind, from which watches are answered and resumed. */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";

export interface Change {
  readonly revision: number;
  readonly deleted: boolean;
  /** For a deletion: as it was, with the deletion's version. */
  readonly object: Stored<KubeObject>;
  readonly previous: Stored<KubeObject> | undefined;
}

/** A watch that lost its connection comes back within this time. */
const KEEP_MS = 75_000;
/** So many are kept however old they are … */
const KEEP_AT_LEAST = 100;
/** … and no more than so many however young: a watcher that is further behind must list again. */
const KEEP_AT_MOST = 20_000;

export class EventRing {
  private changes: { change: Change; at: number }[] = [];
  /** The number of the first change that is kept, counted since the beginning. */
  private first = 0;

  /** @param base every change after this revision will be here */
  constructor(private base: number) {}

  /** The number that the next change will have. */
  get next(): number {
    return this.first + this.changes.length;
  }

  add(change: Change, now: number): void {
    this.changes.push({ change, at: now });
    if (this.changes.length > KEEP_AT_MOST * 1.25) this.drop(this.changes.length - KEEP_AT_MOST);
  }

  /** Forgets what is old. Called now and then. */
  trim(now: number): void {
    const spare = this.changes.length - KEEP_AT_LEAST;
    let old = 0;
    while (old < spare && this.changes[old]!.at < now - KEEP_MS) old++;
    if (old > 0) this.drop(old);
  }

  /** The change of that number; undefined when it is not there yet. Numbers below `first` are gone: ask isGone(). */
  at(number: number): Change | undefined {
    return this.changes[number - this.first]?.change;
  }

  isGone(number: number): boolean {
    return number < this.first;
  }

  /** The number of the first change after `revision`; undefined when some of those are gone. */
  after(revision: number): number | undefined {
    if (revision < this.base) return undefined;
    let low = 0;
    let high = this.changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.changes[middle]!.change.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.first + low;
  }

  /** The oldest revision that a watch may begin after. */
  get oldest(): number {
    return this.base;
  }

  private drop(count: number): void {
    this.base = this.changes[count - 1]!.change.revision;
    this.changes = this.changes.slice(count);
    this.first += count;
  }
}
