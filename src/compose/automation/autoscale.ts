/** `x-naru-autoscale`: a service whose replicas follow its load. */
import { errorText } from "../../lib/errors.ts";
import { byteSize } from "../byte-size.ts";
import { isTree, type Tree, type Value } from "../document.ts";
import { durationMs, extensionError, settingsOf, wholeNumber } from "./extension.ts";
import { SCHEDULE_KEY } from "./schedule.ts";

export const AUTOSCALE_KEY = "x-naru-autoscale";

/** Loads of one replica that are aimed at; at least one is given. */
interface LoadTargets {
  /** Share of its CPU limit, or of one CPU without a limit: 0.7 is 70 %. */
  cpu?: number;
  /** Share of its memory limit. */
  memoryShare?: number;
  memoryBytes?: number;
  /** Requests a second. */
  requests?: number;
}

/** Between which bounds a service is scaled, and by what. */
export interface Autoscale {
  min: number;
  max: number;
  target: LoadTargets;
  /** Between two looks. */
  intervalMs: number;
  /** How long less must have been enough before replicas go. */
  downAfterMs: number;
}

const KEYS = ["min", "max", "target", "interval", "down_after"];
const TARGETS = ["cpu", "memory", "requests"];
const MOST_REPLICAS = 1000;
const DEFAULT_INTERVAL_MS = 5000;
const DEFAULT_DOWN_AFTER_MS = 60_000;

/**
 * The scaling of a service; undefined when it has none.
 * @throws {NaruError} invalid, with the place in the project
 */
export function autoscaleOf(name: string, service: Tree): Autoscale | undefined {
  const value = service[AUTOSCALE_KEY];
  if (value === undefined || value === null) return undefined;
  const place = `services.${name}.${AUTOSCALE_KEY}`;
  const settings = settingsOf(value, place, KEYS);
  checkFits(name, service, place);
  const bounds = { least: 1, most: MOST_REPLICAS };
  const min = settings.min === undefined ? 1 : wholeNumber(settings.min, `${place}.min`, bounds);
  const max = wholeNumber(settings.max, `${place}.max`, bounds);
  if (max < min) throw extensionError(place, `max (${max}) is less than min (${min})`);
  const ms = (key: string, fallback: number) =>
    settings[key] === undefined ? fallback : durationMs(settings[key], `${place}.${key}`, 1000);
  return {
    min,
    max,
    target: readTargets(settings.target, `${place}.target`, memoryLimit(service)),
    intervalMs: ms("interval", DEFAULT_INTERVAL_MS),
    downAfterMs: ms("down_after", DEFAULT_DOWN_AFTER_MS),
  };
}

/** The replicas that `up` leaves or makes when nobody says how many: those that are there, kept within the bounds. */
export function autoscaledReplicas({ min, max }: Autoscale, present: number): number {
  return Math.min(max, Math.max(min, present));
}

function readTargets(value: Value | undefined, place: string, hasMemoryLimit: boolean): LoadTargets {
  const settings = settingsOf(value ?? {}, place, TARGETS);
  const targets: LoadTargets = {};
  if (settings.cpu !== undefined) targets.cpu = share(settings.cpu, `${place}.cpu`);
  if (settings.requests !== undefined) targets.requests = positive(settings.requests, `${place}.requests`);
  if (settings.memory !== undefined) {
    const text = String(settings.memory);
    if (text.endsWith("%")) {
      targets.memoryShare = share(text, `${place}.memory`);
      if (!hasMemoryLimit) {
        throw extensionError(`${place}.memory`, "a share needs a limit: set mem_limit, or name a size such as 200M");
      }
    } else targets.memoryBytes = size(text, `${place}.memory`);
  }
  if (Object.keys(targets).length > 0) return targets;
  throw extensionError(place, "name at least one of cpu (70%), memory (80% or 200M), requests (a second and replica)");
}

/** `70%`, or 70. */
function share(value: Value, place: string): number {
  const number = Number(String(value).replace(/%$/, ""));
  if (!(number > 0)) throw extensionError(place, "must be a share above 0 such as 70%");
  return number / 100;
}

function positive(value: Value, place: string): number {
  const number = Number(value);
  if (!(number > 0)) throw extensionError(place, "must be a number above 0");
  return number;
}

function size(text: string, place: string): number {
  try {
    const bytes = byteSize(text);
    if (bytes > 0) return bytes;
  } catch (error) {
    throw extensionError(place, errorText(error));
  }
  throw extensionError(place, "must be a size above 0 such as 200M");
}

function memoryLimit(service: Tree): boolean {
  const deploy = isTree(service.deploy) ? service.deploy : {};
  const resources = isTree(deploy.resources) ? deploy.resources : {};
  const limits = isTree(resources.limits) ? resources.limits : {};
  return Boolean(service.mem_limit ?? limits.memory);
}

/** Replicas must be able to stand beside each other. */
function checkFits(name: string, service: Tree, place: string): void {
  const clash = (words: string) => extensionError(place, `service ${name} ${words}`);
  if (service[SCHEDULE_KEY] !== undefined) throw clash(`has ${SCHEDULE_KEY} too: a job is not scaled`);
  if (service.container_name !== undefined) throw clash("has a container_name, which only one replica can have");
  if (String(service.network_mode ?? "").match(/^(?:host|service:|container:)/)) {
    throw clash(`has network_mode ${service.network_mode}: its replicas would take the same ports`);
  }
}
