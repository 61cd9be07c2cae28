/**
 * The queues of one priority level. Each flow has a hand of queues, dealt from its name (shuffle sharding), and its requests wait in the
 * shortest of them; queues take turns. So a flow with very many requests fills its own hand and leaves the others alone.
 */

export interface QueueSizes {
  readonly queues: number;
  readonly handSize: number;
  /** Requests that may wait in one queue. */
  readonly queueLengthLimit: number;
}

interface Queue<T> {
  readonly waiting: Set<T>;
  /** How much this queue has had, as if it had never been empty. */
  served: number;
}

export class FairQueues<T> {
  /** Only those that hold something, by number. */
  readonly #queues = new Map<number, Queue<T>>();
  #size = 0;
  /** What the queue that had its turn last has had: a queue that fills anew begins there. */
  #turn = 0;

  constructor(readonly sizes: QueueSizes) {}

  get size(): number {
    return this.#size;
  }

  /** False: all queues of the flow's hand are full. */
  add(flow: string, item: T): boolean {
    const lengthOf = (number: number) => this.#queues.get(number)?.waiting.size ?? 0;
    const hand = handOf(flow, this.sizes);
    const shortest = hand.reduce((best, number) => (lengthOf(number) < lengthOf(best) ? number : best));
    if (lengthOf(shortest) >= this.sizes.queueLengthLimit) return false;
    let queue = this.#queues.get(shortest);
    if (queue === undefined) {
      queue = { waiting: new Set(), served: this.#turn };
      this.#queues.set(shortest, queue);
    }
    queue.waiting.add(item);
    this.#size++;
    return true;
  }

  /** Takes out the request whose turn it is: the oldest one of the queue that has had least. */
  next(): T | undefined {
    let chosen: [number, Queue<T>] | undefined;
    for (const entry of this.#queues) if (chosen === undefined || entry[1].served < chosen[1].served) chosen = entry;
    if (chosen === undefined) return undefined;
    const [number, queue] = chosen;
    const [item] = queue.waiting;
    this.#turn = queue.served++;
    this.#take(number, queue, item as T);
    return item;
  }

  /** Takes out one that waits no longer. */
  remove(item: T): void {
    for (const [number, queue] of this.#queues) if (queue.waiting.has(item)) this.#take(number, queue, item);
  }

  #take(number: number, queue: Queue<T>, item: T): void {
    queue.waiting.delete(item);
    this.#size--;
    if (queue.waiting.size === 0) this.#queues.delete(number);
  }
}

/** Different numbers of queues, always the same for a flow. */
export function handOf(flow: string, { queues, handSize }: QueueSizes): number[] {
  let deck = BigInt(Bun.hash(flow));
  const hand: number[] = [];
  for (let dealt = 0; dealt < Math.min(handSize, queues); dealt++) {
    const left = BigInt(queues - dealt);
    let card = Number(deck % left);
    deck /= left;
    // The card counts among those that are left: those taken before it move it on.
    for (const taken of [...hand].sort((a, b) => a - b)) if (taken <= card) card++;
    hand.push(card);
  }
  return hand;
}
