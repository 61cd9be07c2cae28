/** naru's own keys of services. */
import { isTree, type Tree } from "../document.ts";
import { AUTOSCALE_KEY, autoscaleOf } from "./autoscale.ts";
import { extensionError, unknownKey } from "./extension.ts";
import { SCHEDULE_KEY, scheduleOf } from "./schedule.ts";

const OWN_KEYS = [SCHEDULE_KEY, AUTOSCALE_KEY];

/** Checks every `x-naru-…` key of the services. @throws {NaruError} invalid with its place, also for one that naru does not know */
export function checkExtensions(services: Tree): void {
  for (const [name, service] of Object.entries(services)) {
    if (!isTree(service)) continue;
    const unknown = Object.keys(service).find((key) => key.startsWith("x-naru-") && !OWN_KEYS.includes(key));
    if (unknown !== undefined) throw extensionError(`services.${name}`, unknownKey(unknown, OWN_KEYS));
    scheduleOf(name, service);
    autoscaleOf(name, service);
  }
}
