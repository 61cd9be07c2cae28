/** Events: a bounded memory of the past and live subscribers. */
import type { EventMessage, EventType, Filters } from "../model/system.ts";
import { nowNs } from "./clock.ts";
import { eventFilter } from "./event-filters.ts";

/** As many past events as Docker keeps. */
const HISTORY = 256;
/** A reader that is this far behind is dropped rather than letting it hold the engine's memory. */
const MAX_BACKLOG = 16_384;

interface Subscriber {
  accepts: (event: EventMessage) => boolean;
  backlog: EventMessage[];
  wake: () => void;
  isLost: boolean;
}

export class EventBus {
  readonly #history: EventMessage[] = [];
  readonly #subscribers = new Set<Subscriber>();

  /** How many readers follow the events now. */
  get listenerCount(): number {
    return this.#subscribers.size;
  }

  publish(type: EventType, action: string, id: string, attributes: Record<string, string>): void {
    const timeNano = nowNs();
    const sorted = Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
    const event: EventMessage = {
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: sorted },
      scope: "local",
      time: Number(timeNano / 1_000_000_000n),
      timeNano,
    };
    // The fields of the API before 1.22, which clients still read.
    if (type === "container" || type === "image") {
      event.status = action;
      event.id = id;
      if (type === "container") event.from = attributes.image ?? "";
    }
    this.#history.push(event);
    if (this.#history.length > HISTORY) this.#history.shift();
    for (const subscriber of this.#subscribers) {
      if (!subscriber.accepts(event)) continue;
      if (subscriber.backlog.length >= MAX_BACKLOG) subscriber.isLost = true;
      else subscriber.backlog.push(event);
      subscriber.wake();
    }
  }

  /**
   * Past events since `sinceNs`, then live ones until `untilNs`, abort, or for ever. A reader who only asks for the
   * past (until lies behind us) is done at once. The subscription begins with the call, not with the first read.
   */
  read(
    options: { sinceNs?: bigint; untilNs?: bigint; filters: Filters },
    signal: AbortSignal,
  ): AsyncIterableIterator<EventMessage> {
    const { sinceNs, untilNs } = options;
    const accepts = eventFilter(options.filters);
    const backlog: EventMessage[] =
      sinceNs === undefined && untilNs === undefined
        ? []
        : this.#history.filter(
            (event) =>
              event.timeNano >= (sinceNs ?? 0n) &&
              (untilNs === undefined || event.timeNano <= untilNs) &&
              accepts(event),
          );
    const subscriber: Subscriber = { accepts, backlog, wake: () => {}, isLost: false };
    const isPast = untilNs !== undefined && untilNs <= nowNs();
    if (!isPast) this.#subscribers.add(subscriber);
    return this.#follow(subscriber, isPast, untilNs, signal);
  }

  async *#follow(
    subscriber: Subscriber,
    isPast: boolean,
    untilNs: bigint | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<EventMessage> {
    let isOver = isPast;
    const finish = () => {
      isOver = true;
      subscriber.wake();
    };
    const leftMs = untilNs === undefined || isPast ? undefined : Number((untilNs - nowNs()) / 1_000_000n);
    const timer = leftMs === undefined ? undefined : setTimeout(finish, Math.min(leftMs, 2 ** 31 - 1));
    signal.addEventListener("abort", finish, { once: true });
    try {
      while (true) {
        while (subscriber.backlog.length > 0) yield subscriber.backlog.shift()!;
        if (isOver || subscriber.isLost || signal.aborted) return;
        await new Promise<void>((resolve) => {
          subscriber.wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      this.#subscribers.delete(subscriber);
    }
  }
}
