/**
 * What keeps events from flooding the store: many alike become one, and an object that has much to tell is cut short. The numbers
 * are those of Kubernetes' clients.
 */

/** So many events of one object at once … */
const BURST = 25;
/** … and then one in five minutes. */
const REFILL_MS = 300_000;
/** After so many different messages of one reason they are told as one event. */
const MOST_ALIKE = 10;
const ALIKE_MS = 600_000;
/** Objects that are remembered. */
const REMEMBERED = 4096;

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > REMEMBERED) map.delete(map.keys().next().value!);
}

export class EventLimits {
  readonly #budgets = new Map<string, { left: number; at: number }>();
  readonly #alike = new Map<string, { messages: Set<string>; since: number }>();

  /** Whether the object may tell one more. `now` in Unix milliseconds. */
  allows(uid: string, now: number): boolean {
    const before = this.#budgets.get(uid) ?? { left: BURST, at: now };
    const left = Math.min(BURST, before.left + (now - before.at) / REFILL_MS);
    remember(this.#budgets, uid, { left: left < 1 ? left : left - 1, at: now });
    return left >= 1;
  }

  /**
   * The message to tell, and whether it stands for others that differ.
   * @param group what alike events share: object, type, reason
   */
  combined(group: string, message: string, now: number): { message: string; isCombined: boolean } {
    const known = this.#alike.get(group);
    const alike =
      known === undefined || now - known.since > ALIKE_MS ? { messages: new Set<string>(), since: now } : known;
    const isNew = !alike.messages.has(message);
    if (isNew && alike.messages.size < MOST_ALIKE) alike.messages.add(message);
    else if (isNew) return { message: `(combined from similar events): ${message}`, isCombined: true };
    remember(this.#alike, group, alike);
    return { message, isCombined: false };
  }
}
