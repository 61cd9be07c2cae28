/** What describing any object takes: labels, times, pairs, conditions. Lines hold tabs between their columns. */

import type { ObjectMeta } from "../../../model/kubernetes/meta.ts";
import type { KubeApi } from "../kube-api.ts";
import { LAST_APPLIED } from "../last-applied.ts";

/** Lines of one object; `hasEvents` in the table of describers says whether its events follow. */
// biome-ignore lint/suspicious/noExplicitAny: each describer names the type of its own kind
export type Describer = (object: any, api: KubeApi) => string[] | Promise<string[]>;

const NONE = "<none>";
const LONGEST_ANNOTATION = 140;

/** "Labels:" with a pair a line, in the order of their names. */
export function pairLines(
  title: string,
  pairs: Readonly<Record<string, string>> | undefined,
  options: { indent?: string; equals?: string; skip?: ReadonlySet<string> } = {},
): string[] {
  const { indent = "", equals = "=", skip } = options;
  const keys = Object.keys(pairs ?? {})
    .filter((key) => !skip?.has(key))
    .sort();
  if (keys.length === 0) return [`${indent}${title}:\t${NONE}`];
  return keys.map((key, at) => `${indent}${at === 0 ? `${title}:` : ""}\t${key}${equals}${pairs![key]}`);
}

/** Annotations by their names, long values on lines of their own and cut; the text that `apply` keeps is left out. */
export function annotationLines(annotations: Readonly<Record<string, string>> | undefined, indent = ""): string[] {
  const keys = Object.keys(annotations ?? {})
    .filter((key) => key !== LAST_APPLIED)
    .sort();
  if (keys.length === 0) return [`${indent}Annotations:\t${NONE}`];
  return keys.flatMap((key, at) => {
    const value = annotations![key]!.replace(/\n$/, "");
    const start = `${indent}${at === 0 ? "Annotations:" : ""}\t`;
    if (value.length + key.length + 2 < LONGEST_ANNOTATION && !value.includes("\n")) return `${start}${key}: ${value}`;
    const parts = value.split("\n").map((line) => `${indent}\t  ${shortened(line, LONGEST_ANNOTATION - 2)}`);
    return [`${start}${key}:`, ...parts];
  });
}

const shortened = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length)}...`;

/** Labels by their names. */
export const labelLines = ({ labels }: ObjectMeta): string[] => pairLines("Labels", labels);

/** "Sat, 21 Nov 2026 15:33:16 +0000", in this machine's zone. */
export function timeText(time: string | undefined): string {
  if (time === undefined) return "<unset>";
  const date = new Date(time);
  const offset = -date.getTimezoneOffset();
  const size = Math.abs(offset);
  const zone = `${offset < 0 ? "-" : "+"}${String(Math.floor(size / 60)).padStart(2, "0")}${String(size % 60).padStart(2, "0")}`;
  return new Date(date.getTime() + offset * 60_000).toUTCString().replace("GMT", zone);
}

/** "5s", "3m20s", "26h", "12d", as kubectl rounds them. */
export function ageText(milliseconds: number): string {
  if (milliseconds < -1999) return "<invalid>";
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  const rest = (amount: number, unit: string) => (amount === 0 ? "" : `${amount}${unit}`);
  if (minutes < 10) return `${minutes}m${rest(seconds % 60, "s")}`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return `${hours}h${rest(minutes % 60, "m")}`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return `${days}d${rest(hours % 24, "h")}`;
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? `${years}y${rest(days % 365, "d")}` : `${years}y`;
}

/** How long ago an RFC 3339 time was: "5m". */
export const ageSince = (time: string | undefined): string =>
  time === undefined ? "<unknown>" : ageText(Date.now() - Date.parse(time));

/** "<none>" or the pairs with commas. */
export function selectorOf(
  selector:
    | {
        matchLabels?: Record<string, string>;
        matchExpressions?: { key: string; operator: string; values?: string[] }[];
      }
    | undefined,
): string {
  if (selector === undefined) return NONE;
  const terms = Object.entries(selector.matchLabels ?? {})
    .sort()
    .map(([key, value]) => `${key}=${value}`);
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    if (operator === "Exists") terms.push(key);
    else if (operator === "DoesNotExist") terms.push(`!${key}`);
    else terms.push(`${key} ${operator.toLowerCase()} (${[...values].sort().join(",")})`);
  }
  return terms.length === 0 ? NONE : terms.join(",");
}

/** The pairs of a plain selector: "app=web,tier=front". */
export const plainSelector = (pairs: Readonly<Record<string, string>> | undefined): string =>
  selectorOf({ matchLabels: pairs ?? {} });

/** The object that looks after this one; no line where there is none. */
export function controlledBy({ ownerReferences = [] }: ObjectMeta): string[] {
  const owner = ownerReferences.find(({ controller }) => controller);
  return owner === undefined ? [] : [`Controlled By:\t${owner.kind}/${owner.name}`];
}

/** "True" and "False" as Go's %v under Title prints them. */
export const yesNo = (value: unknown): string => (value === true ? "True" : "False");

/** By the order of their names. */
export const sortedEntries = <T>(values: Readonly<Record<string, T>> = {}): [string, T][] =>
  Object.entries(values).sort(([one], [other]) => (one < other ? -1 : 1));
