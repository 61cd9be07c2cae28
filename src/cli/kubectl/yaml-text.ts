/** YAML as kubectl prints it: keys in their natural order, lists not set in, strings as in yaml-scalar.ts. */

import { yamlString } from "./yaml-scalar.ts";

/** @param value JSON; members that are undefined are left out */
export function yamlText(value: unknown): string {
  const text = nodeText(value, 0, 0);
  return `${text.replace(/^\n/, "")}\n`;
}

const isMembers = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * What stands behind a key or a dash.
 * @param indent of the lines below, when there are any
 * @param column where it begins
 */
function nodeText(value: unknown, indent: number, column: number): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return value.map((element) => `\n${" ".repeat(indent)}- ${elementText(element, indent + 2)}`).join("");
  }
  if (isMembers(value)) {
    const keys = memberKeys(value);
    return keys.length === 0 ? "{}" : keys.map((key) => `\n${memberText(value, key, indent)}`).join("");
  }
  if (typeof value === "string") return yamlString(value, column, indent + 2, false);
  return typeof value === "number" ? numberText(value) : String(value);
}

/** An object or a list begins on the line of its dash. */
function elementText(value: unknown, indent: number): string {
  if (typeof value === "string") return yamlString(value, indent, indent, false);
  return nodeText(value, indent, indent).replace(/^\n +/, "");
}

const memberKeys = (value: Record<string, unknown>): string[] =>
  Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort(naturalOrder);

function memberText(members: Record<string, unknown>, key: string, indent: number): string {
  const name = `${" ".repeat(indent)}${yamlString(key, indent, indent, true)}:`;
  const value = members[key];
  const isNested = (Array.isArray(value) && value.length > 0) || (isMembers(value) && memberKeys(value).length > 0);
  if (!isNested) return `${name} ${nodeText(value, indent, [...name].length + 1)}`;
  return name + nodeText(value, Array.isArray(value) ? indent : indent + 2, 0);
}

/** As Go's %g writes numbers that are no whole ones. */
function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return value.toString();
  return value.toString().replace(/e([-+])(\d)$/, "e$10$2");
}

const LETTER = /\p{L}/u;

/** Letters behind all else, and numbers within keys by their value: "a2" before "a10". */
function naturalOrder(one: string, other: string): number {
  const [a, b] = [[...one], [...other]];
  for (let at = 0; at < a.length && at < b.length; at++) {
    const [x, y] = [a[at]!, b[at]!];
    if (x === y) continue;
    const [isLetter, isOtherLetter] = [LETTER.test(x), LETTER.test(y)];
    if (isLetter && isOtherLetter) return x < y ? -1 : 1;
    if (isLetter || isOtherLetter) return isLetter ? 1 : -1;
    const [number, otherNumber] = [digitsAt(a, at), digitsAt(b, at)];
    return Number(number) - Number(otherNumber) || number.length - otherNumber.length || (x < y ? -1 : 1);
  }
  return a.length - b.length;
}

/** Empty where no digits are. */
const digitsAt = (chars: readonly string[], from: number): string => /^\d*/.exec(chars.slice(from).join(""))![0];
