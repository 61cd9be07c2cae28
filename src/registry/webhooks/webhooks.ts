/** Hands what happens in the registry to the endpoints that want it. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { errorText } from "../../lib/errors.ts";
import type { RegistryCatalog, RegistryEvent } from "../contract.ts";
import type { WebhookEndpoint } from "./endpoint.ts";
import { wants } from "./endpoint.ts";
import { notifiedEvent } from "./event-envelope.ts";
import { EventQueue } from "./event-queue.ts";
import { type SenderHooks, WebhookSender, type WebhookStatus } from "./webhook-sender.ts";

export class Webhooks {
  readonly #instanceId = randomUUID();
  /** Writes of events that were told and are not on the disk yet. */
  readonly #writing = new Set<Promise<void>>();

  private constructor(
    private readonly senders: readonly WebhookSender[],
    private readonly url: () => string,
    private readonly hooks: SenderHooks,
  ) {}

  /** Queues lie in `<root>/webhooks/<endpoint>`. `url`: the registry's own address, for events. */
  static async open(
    endpoints: readonly WebhookEndpoint[],
    root: string,
    url: () => string,
    hooks: SenderHooks,
  ): Promise<Webhooks> {
    const open = async (endpoint: WebhookEndpoint) =>
      new WebhookSender(endpoint, await EventQueue.open(join(root, "webhooks", endpoint.name)), hooks);
    return new Webhooks(await Promise.all(endpoints.map(open)), url, hooks);
  }

  get status(): WebhookStatus[] {
    return this.senders.map((sender) => sender.status);
  }

  listenTo(catalog: RegistryCatalog): void {
    catalog.subscribe((event) => this.#take(event));
  }

  /** Resolves when every event so far is on the disk: a change is answered only then, or a kill could lose its event. */
  async written(): Promise<void> {
    while (this.#writing.size > 0) await Promise.all(this.#writing);
  }

  async stop(): Promise<void> {
    await this.written();
    await Promise.all(this.senders.map((sender) => sender.stop()));
  }

  #take(event: RegistryEvent): void {
    for (const sender of this.senders) {
      if (!wants(sender.endpoint, event)) continue;
      const write = sender
        .add(notifiedEvent(event, { url: this.url(), instanceId: this.#instanceId }))
        .catch((error) =>
          this.hooks.warn("an event could not be kept", { endpoint: sender.endpoint.name, reason: errorText(error) }),
        )
        .finally(() => this.#writing.delete(write));
      this.#writing.add(write);
    }
  }
}
