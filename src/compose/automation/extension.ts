/** Reading the settings of naru's own keys (`x-naru-…`): what is unknown is refused, with the nearest known key. */
import { editDistance } from "../../lib/edit-distance.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import { parseDuration } from "../../lib/go-duration.ts";
import { isTree, type Tree, type Value } from "../document.ts";

/** A failure at a place of the project: `services.web.x-naru-autoscale.max: …`. */
export function extensionError(place: string, words: string): NaruError {
  return new NaruError("invalid", `${place}: ${words}`);
}

/** A mapping with no other keys than these. @throws {NaruError} invalid */
export function settingsOf(value: Value, place: string, keys: readonly string[]): Tree {
  if (!isTree(value)) throw extensionError(place, `must be a mapping with ${keys.join(", ")}`);
  for (const key of Object.keys(value)) if (!keys.includes(key)) throw extensionError(place, unknownKey(key, keys));
  return value;
}

/** The words for a key that is not there. */
export function unknownKey(key: string, keys: readonly string[]): string {
  const [nearest] = keys.toSorted((a, b) => editDistance(key, a) - editDistance(key, b));
  const isNear = nearest !== undefined && editDistance(key, nearest) <= Math.max(2, nearest.length / 3);
  return `unknown key '${key}'${isNear ? `, did you mean '${nearest}'?` : `: there are ${keys.join(", ")}`}`;
}

/** A whole number within bounds. @throws {NaruError} invalid */
export function wholeNumber(value: Value | undefined, place: string, bounds: { least: number; most: number }): number {
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= bounds.least && number <= bounds.most) {
    return number;
  }
  throw extensionError(place, `must be a whole number from ${bounds.least} to ${bounds.most}`);
}

/** Milliseconds of a duration such as `90s`. @throws {NaruError} invalid */
export function durationMs(value: Value, place: string, leastMs: number): number {
  let ms: number;
  try {
    ms = parseDuration(String(value)) / 1e6;
  } catch (error) {
    throw extensionError(place, `${errorText(error)}: write a number and a unit, such as 90s or 5m`);
  }
  if (ms < leastMs) throw extensionError(place, `must be at least ${leastMs / 1000}s`);
  return ms;
}

/** @throws {NaruError} invalid */
export function truth(value: Value, place: string): boolean {
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw extensionError(place, "must be true or false");
}
