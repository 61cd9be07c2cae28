/** The seats of one priority level: requests that are being served have one, others wait for one or are turned away. */

import type { PriorityLevelConfigurationSpec } from "../../model/kubernetes/flowcontrol.ts";
import { StatusError } from "../status.ts";
import { FairQueues, type QueueSizes } from "./fair-queues.ts";

const RETRY_AFTER_SECONDS = 1;
const DEFAULT_QUEUES: QueueSizes = { queues: 64, handSize: 8, queueLengthLimit: 50 };

interface Waiting {
  admit(): void;
}

/** How many requests of the level may be served at once, in seats. */
export interface LevelSeats {
  /** Its own. */
  readonly nominal: number;
  /** Of these, how many others may use while it does not need them. */
  readonly lendable: number;
  /** How many of others' it may use. */
  readonly borrowable: number;
}

export class PriorityLevel {
  /** True: nothing is counted. */
  isExempt = false;
  seats: LevelSeats = { nominal: 0, lendable: 0, borrowable: 0 };
  #inUse = 0;
  #queues: FairQueues<Waiting> | undefined;
  readonly #waiting = new Set<Waiting>();

  /** Takes over how the level answers when its seats are taken. Who waits already goes on waiting. */
  configure(spec: PriorityLevelConfigurationSpec | undefined, seats: LevelSeats): void {
    this.isExempt = spec?.type === "Exempt";
    this.seats = seats;
    const response = spec?.limited?.limitResponse;
    const sizes = response?.type === "Queue" ? { ...DEFAULT_QUEUES, ...response.queuing } : undefined;
    // Nobody joins queues of other sizes any more; who is in them keeps the order of coming.
    if (sizes === undefined) this.#queues = undefined;
    else if (!Bun.deepEquals(this.#queues?.sizes, sizes)) this.#queues = new FairQueues(sizes);
  }

  get inUse(): number {
    return this.#inUse;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a seat without asking whether there is one. */
  sit(): void {
    this.#inUse++;
  }

  stand(): void {
    this.#inUse--;
  }

  /**
   * Resolves when a seat has been given by admitNext().
   * @throws StatusError TooManyRequests: the queues are full, there are none, or `patienceMs` were in vain
   */
  async queue(flow: string, patienceMs: number, signal: AbortSignal): Promise<void> {
    const queues = this.#queues;
    if (queues === undefined) throw tooMany();
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        this.#waiting.delete(waiting);
      };
      const giveUp = () => {
        end();
        queues.remove(waiting);
        reject(tooMany());
      };
      const waiting = {
        admit: () => {
          end();
          resolve();
        },
      };
      if (!queues.add(flow, waiting)) return reject(tooMany());
      this.#waiting.add(waiting);
      const timer = setTimeout(giveUp, patienceMs);
      signal.addEventListener("abort", giveUp);
      if (signal.aborted) giveUp();
    });
  }

  /** Gives a seat to whose turn it is; false when nobody waits. */
  admitNext(): boolean {
    // Those of queues that were there before a change are older.
    const next = this.#queues?.size === this.#waiting.size ? this.#queues.next() : this.#oldest();
    if (next === undefined) return false;
    this.sit();
    next.admit();
    return true;
  }

  #oldest(): Waiting | undefined {
    const [oldest] = this.#waiting;
    if (oldest !== undefined) this.#queues?.remove(oldest);
    return oldest;
  }
}

/** 429 with Retry-After, which clients follow by themselves. */
function tooMany(): StatusError {
  return new StatusError("TooManyRequests", "too many requests, please try again later", {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
