/** Delivers the events of one endpoint's queue, in order, again and again until the endpoint says 2xx. */
import { errorText } from "../../lib/errors.ts";
import type { WebhookEndpoint } from "./endpoint.ts";
import { ENVELOPE_TYPE, type NotifiedEvent } from "./event-envelope.ts";
import type { EventQueue } from "./event-queue.ts";

const EVENTS_PER_REQUEST = 50;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;

export interface WebhookStatus {
  endpoint: string;
  waiting: number;
  delivered: number;
  failed: number;
  /** Why the last attempt failed; undefined while all is well. */
  failure: string | undefined;
}

export interface SenderHooks {
  warn(message: string, fields: Record<string, unknown>): void;
  delivered(endpoint: string, outcome: "delivered" | "failed"): void;
}

export class WebhookSender {
  readonly #abortion = new AbortController();
  readonly #running: Promise<void>;
  #delivered = 0;
  #failed = 0;
  #failure: string | undefined;

  constructor(
    readonly endpoint: WebhookEndpoint,
    private readonly queue: EventQueue,
    private readonly hooks: SenderHooks,
  ) {
    this.#running = this.#run();
  }

  get status(): WebhookStatus {
    return {
      endpoint: this.endpoint.name,
      waiting: this.queue.length,
      delivered: this.#delivered,
      failed: this.#failed,
      failure: this.#failure,
    };
  }

  /** Resolves when the event is on the disk. */
  add(event: NotifiedEvent): Promise<void> {
    return this.queue.add(event);
  }

  async stop(): Promise<void> {
    this.#abortion.abort();
    await this.#running;
    await this.queue.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abortion;
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      const events = await this.queue.next<NotifiedEvent>(EVENTS_PER_REQUEST, signal);
      if (events === undefined) return;
      const failure = await this.#send(events);
      if (signal.aborted) return;
      if (failure === undefined) {
        await this.queue.taken(events.length);
        this.#delivered += events.length;
        pauseMs = FIRST_PAUSE_MS;
        continue;
      }
      await pause(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  /** @returns why it failed */
  async #send(events: readonly NotifiedEvent[]): Promise<string | undefined> {
    const { url, headers, timeoutMs, name } = this.endpoint;
    let failure: string | undefined;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { ...headers, "Content-Type": ENVELOPE_TYPE },
        body: JSON.stringify({ events }),
        signal: AbortSignal.any([this.#abortion.signal, AbortSignal.timeout(timeoutMs)]),
        redirect: "error",
      });
      await response.body?.cancel();
      if (!response.ok) failure = `the endpoint answered ${response.status}`;
    } catch (error) {
      failure = errorText(error);
    }
    if (this.#abortion.signal.aborted) return failure;
    this.hooks.delivered(name, failure === undefined ? "delivered" : "failed");
    if (failure !== undefined) {
      this.#failed += 1;
      // Once when it begins, not with every attempt.
      if (this.#failure === undefined)
        this.hooks.warn("a webhook fails; its events wait", { endpoint: name, reason: failure });
    }
    this.#failure = failure;
    return failure;
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    timer.unref();
    signal.addEventListener("abort", end, { once: true });
  });
}
