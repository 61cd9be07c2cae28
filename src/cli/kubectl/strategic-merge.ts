/** Strategic merge patches, carried out here: lists of built-in kinds are merged by their keys. */

import { mergeKeyOf } from "./apply-patch.ts";

type Members = Record<string, unknown>;

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

interface MergeRules {
  /** False for custom resources, whose lists are replaced. */
  readonly byKeys: boolean;
  /** Of lists: kustomize puts the patch's elements first, the API leaves the others where they stood among them. */
  readonly order: "patch first" | "interleaved";
}

/** @returns the merged object; undefined when the patch deletes it */
export function strategicMerge(object: Members, patch: Members, rules: MergeRules): Members | undefined {
  const { $patch: directive, ...own } = patch;
  if (directive === "delete") return undefined;
  if (directive === "replace") return plain(own) as Members;
  const merged: Members = { ...object };
  for (const [key, value] of Object.entries(own)) {
    if (key.startsWith("$setElementOrder/") || key.startsWith("$retainKeys")) continue;
    if (key.startsWith("$deleteFromPrimitiveList/")) {
      const name = key.slice("$deleteFromPrimitiveList/".length);
      merged[name] = listOf(merged[name]).filter((one) => !listOf(value).includes(one));
    } else if (value === null) delete merged[key];
    else if (isMembers(value)) {
      const inner = isMembers(merged[key]) ? strategicMerge(merged[key], value, rules) : mergedIntoNothing(value);
      if (inner === undefined) delete merged[key];
      else merged[key] = inner;
    } else if (Array.isArray(value)) merged[key] = mergedList(key, listOf(merged[key]), value, rules);
    else merged[key] = value;
  }
  return merged;
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const mergedIntoNothing = (value: Members): Members | undefined =>
  value.$patch === "delete" ? undefined : (plain(value) as Members);

function mergedList(name: string, list: readonly unknown[], patch: readonly unknown[], rules: MergeRules): unknown[] {
  const isReplaced = patch.some((one) => isMembers(one) && one.$patch === "replace");
  const elements = patch.filter((one) => !(isMembers(one) && one.$patch === "replace"));
  const key = rules.byKeys && !isReplaced ? mergeKeyOf(name, [...elements, ...list]) : undefined;
  if (key === undefined) return plain(elements) as unknown[];
  const present = list as Members[];
  const wanted = elements as Members[];
  const isMeant = (one: Members) => wanted.some((element) => isSameElement(one, element, key));
  const changed = wanted.flatMap((element): Members[] => {
    const found = present.find((one) => isSameElement(one, element, key));
    const result = found === undefined ? mergedIntoNothing(element) : strategicMerge(found, element, rules);
    return result === undefined ? [] : [result];
  });
  const others = present.filter((one) => !isMeant(one));
  if (rules.order === "patch first") return [...changed, ...others];
  return interleaved(changed, others, (one) => present.findIndex((known) => isSameElement(known, one, key)));
}

/** `changed` keep their order; `others` stand before those that they stood before. @param placeOf negative for what is new */
function interleaved<T>(changed: readonly T[], others: readonly T[], placeOf: (one: T) => number): T[] {
  const rest = [...others];
  const result: T[] = [];
  for (const one of changed) {
    while (rest.length > 0 && placeOf(rest[0]!) < placeOf(one)) result.push(rest.shift()!);
    result.push(one);
  }
  return [...result, ...rest];
}

/** Ports of two protocols may share a number. */
function isSameElement(one: Members, other: Members, key: string): boolean {
  const protocolOf = ({ protocol }: Members) => protocol ?? "TCP";
  return one[key] === other[key] && (!/port$/i.test(key) || protocolOf(one) === protocolOf(other));
}

/** Without nulls and directives, which mean nothing where nothing was. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((one) => !(isMembers(one) && one.$patch === "delete")).map(plain);
  if (!isMembers(value)) return value;
  const members = Object.entries(value).filter(([key, member]) => member !== null && !key.startsWith("$"));
  return Object.fromEntries(members.map(([key, member]) => [key, plain(member)]));
}
