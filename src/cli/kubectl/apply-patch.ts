/**
 * What `apply` sends: from what was applied last, what the file says now, and what the cluster has, the patch that takes away what
 * left the file and sets what differs (three-way merge). Lists of named elements are merged by their keys, as the API declares them.
 */

import type { ServedType } from "./resource-types.ts";

type Json = unknown;
type Members = Record<string, Json>;

/** Lists whose elements are told apart by a field (x-kubernetes-patch-merge-key), by the list's name. */
const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ["name"],
  initContainers: ["name"],
  ephemeralContainers: ["name"],
  volumes: ["name"],
  env: ["name"],
  volumeMounts: ["mountPath"],
  volumeDevices: ["devicePath"],
  imagePullSecrets: ["name"],
  hostAliases: ["ip"],
  topologySpreadConstraints: ["topologyKey"],
  ports: ["containerPort", "port"],
  secrets: ["name"],
  conditions: ["type"],
  ownerReferences: ["uid"],
  webhooks: ["name"],
};
const PRIMITIVES_THAT_MERGE = new Set(["finalizers"]);

/** Groups whose kinds are built in; all others may be custom resources. */
const BUILT_IN_GROUPS = new Set([
  "",
  "apps",
  "autoscaling",
  "batch",
  "policy",
  "extensions",
  ...[
    "admissionregistration",
    "apiextensions",
    "apiregistration",
    "authentication",
    "authorization",
    "certificates",
    "coordination",
    "discovery",
    "events",
    "flowcontrol.apiserver",
    "internal.apiserver",
    "networking",
    "node",
    "rbac.authorization",
    "resource",
    "scheduling",
    "storage",
    "storagemigration",
  ].map((name) => `${name}.k8s.io`),
]);

/** True for kinds whose lists the server merges by their keys; custom resources know only JSON merge patches (RFC 7386). */
export const isMergedByKeys = ({ group }: Pick<ServedType, "group">): boolean => BUILT_IN_GROUPS.has(group);

const isMembers = (value: Json): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The same as JSON, whatever the order of members. */
export function sameJson(one: Json, other: Json): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((member, at) => sameJson(member, other[at]));
  }
  if (!isMembers(one) || !isMembers(other)) return false;
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => sameJson(one[key], other[key]));
}

/** How an object is changed. */
interface ObjectPatch {
  /** Empty when nothing differs. */
  readonly body: Members;
  readonly contentType: string;
}

/** Elements of a list that must be merged share their key. */
class SharedKeys extends Error {}

/** The patch in the form that the server can carry out for the type. @param last what was applied last, `wanted` now */
export function objectPatch(
  type: Pick<ServedType, "group">,
  { last, wanted, live }: { last: Json; wanted: Json; live: Json },
): ObjectPatch {
  const whole = () => ({
    body: applyPatch(last, wanted, live, false),
    contentType: "application/merge-patch+json",
  });
  if (!isMergedByKeys(type)) return whole();
  try {
    return {
      body: applyPatch(last, wanted, live, true),
      contentType: "application/strategic-merge-patch+json",
    };
  } catch (error) {
    if (!(error instanceof SharedKeys)) throw error;
    return whole();
  }
}

/** @param strategic false: lists take the place of what is there  @throws SharedKeys */
function applyPatch(last: Json, wanted: Json, live: Json, strategic: boolean): Members {
  const patch: Members = {};
  const [before, after, now] = [last, wanted, live].map((value) => (isMembers(value) ? value : {}));
  for (const key of Object.keys(before!)) {
    if (!Object.hasOwn(after!, key) && Object.hasOwn(now!, key)) patch[key] = null;
  }
  for (const [key, value] of Object.entries(after!)) {
    if (value === undefined) continue;
    const present = now![key];
    if (value === null) {
      if (present !== undefined && present !== null) patch[key] = null;
    } else if (isMembers(value)) {
      const inner = applyPatch(before![key], value, present, strategic);
      if (Object.keys(inner).length > 0 || present === undefined || present === null) patch[key] = inner;
    } else if (Array.isArray(value)) addList(patch, key, before![key], value, present, strategic);
    else if (!sameJson(value, present)) patch[key] = value;
  }
  return patch;
}

function addList(patch: Members, key: string, last: Json, wanted: Json[], live: Json, strategic: boolean): void {
  const before = Array.isArray(last) ? last : [];
  const now = Array.isArray(live) ? live : [];
  const mergeKey = strategic ? mergeKeyOf(key, [...wanted, ...now, ...before]) : undefined;
  if (mergeKey !== undefined) {
    addMergedList(patch, key, mergeKey, before as Members[], wanted as Members[], now as Members[]);
  } else if (strategic && PRIMITIVES_THAT_MERGE.has(key)) {
    const added = wanted.filter((one) => !now.includes(one));
    const removed = before.filter((one) => !wanted.includes(one) && now.includes(one));
    if (added.length > 0) patch[key] = wanted;
    if (removed.length > 0) patch[`$deleteFromPrimitiveList/${key}`] = removed;
  } else if (!sameJson(wanted, live)) patch[key] = wanted;
}

/** The field that tells a list's elements apart; undefined for lists that are no lists of named elements. @param elements all that are to have it */
export function mergeKeyOf(list: string, elements: readonly Json[]): string | undefined {
  return MERGE_KEYS[list]?.find(
    (key) => elements.length > 0 && elements.every((one) => isMembers(one) && one[key] !== undefined),
  );
}

function addMergedList(
  patch: Members,
  key: string,
  mergeKey: string,
  last: readonly Members[],
  wanted: readonly Members[],
  live: readonly Members[],
): void {
  const changes: Members[] = [];
  wanted.forEach((element, at) => {
    const id = element[mergeKey];
    // Ports of two protocols may share a number: the second of a key stands beside the second.
    const nth = wanted.slice(0, at).filter((one) => one[mergeKey] === id).length;
    const present = nthOf(live, mergeKey, id, nth);
    const inner = present === undefined ? element : applyPatch(nthOf(last, mergeKey, id, nth), element, present, true);
    if (present === undefined || Object.keys(inner).length > 0) changes.push({ ...inner, [mergeKey]: id });
  });
  const isIn = (list: readonly Members[], id: Json) => nthOf(list, mergeKey, id, 0) !== undefined;
  for (const { [mergeKey]: id } of last) {
    if (!isIn(wanted, id) && isIn(live, id)) changes.push({ $patch: "delete", [mergeKey]: id });
  }
  const order = wanted.map((element) => ({ [mergeKey]: element[mergeKey] }));
  const known = live.map((element) => element[mergeKey]).filter((id) => isIn(wanted, id));
  const isInOrder = sameJson(
    known,
    order.map((one) => one[mergeKey]).filter((id) => known.includes(id)),
  );
  if (changes.length === 0 && isInOrder) return;
  // By its key the server would find only the first of those that share one.
  if (isRepeated(wanted, mergeKey) || isRepeated(live, mergeKey)) throw new SharedKeys();
  patch[`$setElementOrder/${key}`] = order;
  patch[key] = changes;
}

const nthOf = (list: readonly Members[], mergeKey: string, id: Json, nth: number): Members | undefined =>
  list.filter((one) => one[mergeKey] === id)[nth];

const isRepeated = (list: readonly Members[], mergeKey: string): boolean =>
  new Set(list.map((one) => one[mergeKey])).size < list.length;
