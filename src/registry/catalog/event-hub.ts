/** Tells subscribers what happened, in order; a subscriber's failure is its own. */
import type { Descriptor } from "../../model/image.ts";
import type { Actor, RegistryEvent } from "../contract.ts";

export class EventHub {
  private readonly listeners = new Set<(event: RegistryEvent) => void>();

  subscribe(listener: (event: RegistryEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(
    action: RegistryEvent["action"],
    repository: string,
    target: Descriptor,
    actor: Actor,
    tag: string | undefined = undefined,
  ): void {
    if (this.listeners.size === 0) return;
    const event = { action, repository, target, tag, actor, timestamp: new Date().toISOString() };
    for (const listener of this.listeners) listener(event);
  }
}
