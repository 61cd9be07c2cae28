/**
 * Pods that wait for a node: the most important first, then the longest waiting. A pod that found none sleeps until something
 * changes that could help it, and not before its back-off is over (1 s, doubled up to 10 s).
 */

import type { PodView } from "./cluster-view.ts";

const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 10_000;
/** Whatever the reason, a sleeping pod is tried again after this. */
const LONGEST_SLEEP_MS = 300_000;

export interface WaitingPod {
  view: PodView;
  attempts: number;
  /** When it came, milliseconds; the order among equals. */
  since: number;
  /** Filters that refused it. */
  refusedBy: ReadonlySet<string>;
  notBefore: number;
}

export class SchedulingQueue {
  private readonly waiting = new Map<string, WaitingPod>();
  private readonly sleeping = new Map<string, WaitingPod>();
  /** Awake but in back-off, or asleep for long: looked at when the timer rings. */
  private readonly resting = new Map<string, WaitingPod>();
  private heap: WaitingPod[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    /** Called when there is something to pop. */
    private readonly wake: () => void,
    private readonly now: () => number = Date.now,
  ) {}

  get size(): number {
    return this.waiting.size + this.sleeping.size + this.resting.size;
  }

  /** A pod that is new, or was changed so that it may fit now. */
  put(view: PodView): void {
    const uid = view.pod.metadata.uid;
    const known = this.sleeping.get(uid) ?? this.resting.get(uid) ?? this.waiting.get(uid);
    const entry: WaitingPod = {
      view,
      attempts: known?.attempts ?? 0,
      since: known?.since ?? this.now(),
      refusedBy: new Set(),
      notBefore: 0,
    };
    this.remove(uid);
    this.push(uid, entry);
  }

  /** The pod as it is now, without waking it. */
  refresh(view: PodView): void {
    const uid = view.pod.metadata.uid;
    const entry = this.sleeping.get(uid) ?? this.resting.get(uid) ?? this.waiting.get(uid);
    if (entry !== undefined) entry.view = view;
  }

  remove(uid: string): void {
    this.waiting.delete(uid);
    this.sleeping.delete(uid);
    this.resting.delete(uid);
  }

  pop(): WaitingPod | undefined {
    for (;;) {
      const entry = popHeap(this.heap, before);
      if (entry === undefined) return undefined;
      const uid = entry.view.pod.metadata.uid;
      // What was removed or put again stays in the heap until it comes up.
      if (this.waiting.get(uid) !== entry) continue;
      this.waiting.delete(uid);
      return entry;
    }
  }

  /** A pod that found no node: it sleeps until stir() names one of these filters. */
  sleep(entry: WaitingPod, refusedBy: ReadonlySet<string>): void {
    entry.attempts++;
    entry.refusedBy = refusedBy;
    entry.notBefore = this.now() + Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (entry.attempts - 1));
    this.sleeping.set(entry.view.pod.metadata.uid, entry);
    this.ring(LONGEST_SLEEP_MS);
  }

  /** Something has changed that may help pods which one of these filters refused; undefined: any pod. */
  stir(filters?: readonly string[]): void {
    for (const [uid, entry] of this.sleeping) {
      if (filters !== undefined && !filters.some((filter) => entry.refusedBy.has(filter))) continue;
      this.sleeping.delete(uid);
      if (entry.notBefore <= this.now()) this.push(uid, entry);
      else this.rest(uid, entry);
    }
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private rest(uid: string, entry: WaitingPod): void {
    this.resting.set(uid, entry);
    this.ring(entry.notBefore - this.now());
  }

  private push(uid: string, entry: WaitingPod): void {
    this.waiting.set(uid, entry);
    pushHeap(this.heap, entry, before);
    this.wake();
  }

  private dueAt = Number.POSITIVE_INFINITY;
  private ring(inMs: number): void {
    const at = this.now() + Math.max(0, inMs);
    if (at >= this.dueAt) return;
    clearTimeout(this.timer);
    this.dueAt = at;
    this.timer = setTimeout(() => this.rung(), Math.max(0, inMs));
    this.timer.unref();
  }

  private rung(): void {
    this.dueAt = Number.POSITIVE_INFINITY;
    const now = this.now();
    for (const [uid, entry] of this.resting) {
      if (entry.notBefore > now) this.ring(entry.notBefore - now);
      else {
        this.resting.delete(uid);
        this.push(uid, entry);
      }
    }
    for (const [uid, entry] of this.sleeping) {
      const due = entry.notBefore + LONGEST_SLEEP_MS;
      if (due > now) this.ring(due - now);
      else {
        this.sleeping.delete(uid);
        this.push(uid, entry);
      }
    }
  }
}

function before(one: WaitingPod, other: WaitingPod): boolean {
  if (one.view.priority !== other.view.priority) return one.view.priority > other.view.priority;
  return one.since < other.since;
}

function pushHeap<T>(heap: T[], item: T, isBefore: (one: T, other: T) => boolean): void {
  heap.push(item);
  let at = heap.length - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(heap[at]!, heap[parent]!)) return;
    [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
    at = parent;
  }
}

function popHeap<T>(heap: T[], isBefore: (one: T, other: T) => boolean): T | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (heap.length === 0 || last === undefined) return top;
  heap[0] = last;
  let at = 0;
  for (;;) {
    let least = at;
    for (const child of [2 * at + 1, 2 * at + 2]) {
      if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
    }
    if (least === at) return top;
    [heap[at], heap[least]] = [heap[least]!, heap[at]!];
    at = least;
  }
}
