/** `x-naru-schedule`: a service that runs to completion, at certain times. */
import { errorText } from "../../lib/errors.ts";
import { isTree, type Tree, type Value } from "../document.ts";
import { type CronTimes, parseCron } from "./cron.ts";
import { durationMs, extensionError, settingsOf, truth, wholeNumber } from "./extension.ts";
import { checkZone } from "./zone-offset.ts";

export const SCHEDULE_KEY = "x-naru-schedule";

/** When a service runs, and how. */
export interface Schedule extends CronTimes {
  /** The lines as they were written. */
  cron: readonly string[];
  /** Name of the time zone. */
  zone: string;
  /** What happens at a time when the last run still goes on. */
  overlap: "skip" | "replace";
  /** Whether a time that passed while the daemon did not run is made up for, once. */
  catchesUp: boolean;
  /** After so long a run is stopped; undefined: never. */
  timeoutMs: number | undefined;
  /** Runs that are remembered. */
  keptRuns: number;
}

const KEYS = ["cron", "timezone", "overlap", "catch_up", "timeout", "history"];
const DEFAULT_KEPT_RUNS = 20;
const MOST_KEPT_RUNS = 1000;

/**
 * The schedule of a service; undefined when it has none.
 * @throws {NaruError} invalid, with the place in the project
 */
export function scheduleOf(name: string, service: Tree): Schedule | undefined {
  const value = service[SCHEDULE_KEY];
  if (value === undefined || value === null) return undefined;
  const place = `services.${name}.${SCHEDULE_KEY}`;
  const settings: Tree = isTree(value) ? settingsOf(value, place, KEYS) : { cron: value };
  checkFits(name, service, place);
  const zone = String(settings.timezone ?? "UTC");
  at(`${place}.timezone`, () => checkZone(zone));
  const cron = cronLines(settings.cron, place);
  const times = cron.map((line) => at(`${place}.cron`, () => parseCron(line, zone)));
  const next = (afterMs: number) => {
    const found = times.map((one) => one.next(afterMs)).filter((ms) => ms !== undefined);
    return found.length === 0 ? undefined : Math.min(...found);
  };
  if (next(Date.now()) === undefined) throw extensionError(`${place}.cron`, `${cron.join(", ")} never comes`);
  const overlap = settings.overlap ?? "skip";
  if (overlap !== "skip" && overlap !== "replace") throw extensionError(`${place}.overlap`, "must be skip or replace");
  return {
    cron,
    zone,
    next,
    overlap,
    catchesUp: settings.catch_up !== undefined && truth(settings.catch_up, `${place}.catch_up`),
    timeoutMs: settings.timeout === undefined ? undefined : durationMs(settings.timeout, `${place}.timeout`, 1000),
    keptRuns:
      settings.history === undefined
        ? DEFAULT_KEPT_RUNS
        : wholeNumber(settings.history, `${place}.history`, { least: 1, most: MOST_KEPT_RUNS }),
  };
}

function cronLines(value: Value | undefined, place: string): string[] {
  const lines = Array.isArray(value) ? value : [value];
  if (lines.length === 0 || lines.some((line) => typeof line !== "string" || line.trim() === "")) {
    throw extensionError(place, "must be a line of cron such as '0 3 * * *', a list of them, or a mapping with 'cron'");
  }
  return lines as string[];
}

/** A job ends by itself and is alone. */
function checkFits(name: string, service: Tree, place: string): void {
  const restart = String(service.restart ?? "no");
  if (restart === "always" || restart === "unless-stopped") {
    throw extensionError(
      place,
      `service ${name} has restart: ${restart}, so it would never be done: use "no" or on-failure`,
    );
  }
  const deploy = isTree(service.deploy) ? service.deploy : {};
  if (Number(service.scale ?? deploy.replicas ?? 1) !== 1) {
    throw extensionError(place, `service ${name} has several replicas: a scheduled service has one`);
  }
}

function at<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw extensionError(place, errorText(error));
  }
}
