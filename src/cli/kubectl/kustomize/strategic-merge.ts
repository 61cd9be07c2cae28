/** Strategic merge patches as kustomize applies them: lists of built-in kinds are merged by their keys, the patch's elements first. */

import { mergeKeyOf } from "../apply-patch.ts";

type Members = Record<string, unknown>;

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** @param byKeys false for custom resources, whose lists are replaced @returns the merged object; undefined when the patch deletes it */
export function strategicMerge(object: Members, patch: Members, byKeys: boolean): Members | undefined {
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
      const inner = isMembers(merged[key]) ? strategicMerge(merged[key], value, byKeys) : mergedIntoNothing(value);
      if (inner === undefined) delete merged[key];
      else merged[key] = inner;
    } else if (Array.isArray(value)) merged[key] = mergedList(key, listOf(merged[key]), value, byKeys);
    else merged[key] = value;
  }
  return merged;
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const mergedIntoNothing = (value: Members): Members | undefined =>
  value.$patch === "delete" ? undefined : (plain(value) as Members);

function mergedList(name: string, list: readonly unknown[], patch: readonly unknown[], byKeys: boolean): unknown[] {
  const isReplaced = patch.some((one) => isMembers(one) && one.$patch === "replace");
  const elements = patch.filter((one) => !(isMembers(one) && one.$patch === "replace"));
  const key = byKeys && !isReplaced ? mergeKeyOf(name, [...elements, ...list]) : undefined;
  if (key === undefined) return plain(elements) as unknown[];
  const objects = list as Members[];
  const wanted = elements as Members[];
  const merged = wanted.flatMap((element) => {
    const present = objects.find((one) => isSameElement(one, element, key));
    const result = present === undefined ? mergedIntoNothing(element) : strategicMerge(present, element, byKeys);
    return result === undefined ? [] : [result];
  });
  return [...merged, ...objects.filter((one) => !wanted.some((element) => isSameElement(one, element, key)))];
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
