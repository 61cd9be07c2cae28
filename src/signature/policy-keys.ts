/** How a policy comes by the keys that it names, and reading its values strictly: a slip in it must not open a door. */
import type { KeyObject } from "node:crypto";

export interface NamedKey {
  key: KeyObject;
  /** For people. */
  name: string;
}
export interface PolicyKeys {
  fromFile(path: string): Promise<NamedKey>;
  fromBase64(data: string, name: string): NamedKey;
}

export type JsonObject = Record<string, unknown>;

/** @throws Error naming the place */
export function asObject(value: unknown, place: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new Error(`${place} must be an object`);
}

/** @throws Error naming the place */
export function asText(value: unknown, place: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new Error(`${place} must be a text`);
}

/** @throws Error naming the place */
export function asTexts(value: unknown, place: string): string[] {
  if (!Array.isArray(value) || value.length === 0) throw new Error(`${place} must be a list that is not empty`);
  return value.map((one, index) => asText(one, `${place}[${index}]`));
}

/** @throws Error naming the first key that is not known */
export function allowOnly(object: JsonObject, known: readonly string[], place: string): void {
  const unknown = Object.keys(object).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new Error(`${place} has an unknown key "${unknown}" (known: ${known.join(", ")})`);
}
