/** Fields that kustomize sets, by the kinds that have them: "spec/template/metadata/labels". */

import type { KubeManifestObject } from "../manifest-files.ts";
import { splitVersion } from "./customized-object.ts";
import type { FieldSpec } from "./kustomization-file.ts";

type Members = Record<string, unknown>;

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** True for objects of the kind, group and version that the field names; what it leaves out fits all. */
export function isMeant({ apiVersion, kind }: KubeManifestObject, spec: FieldSpec): boolean {
  const { group, version } = splitVersion(apiVersion);
  return (
    (spec.kind === undefined || spec.kind === kind) &&
    (spec.group === undefined || spec.group === group) &&
    (spec.version === undefined || spec.version === version)
  );
}

/**
 * Changes the values at a path. Lists on the way are gone through, whether the path marks them by "[]" or not.
 * @param create makes what is missing on the way
 * @param change gets the value (undefined when it is missing) and what holds it, and returns the new value
 */
export function changeAt(
  object: unknown,
  path: string,
  create: boolean,
  change: (value: unknown, holder: Members) => unknown,
): void {
  const [first = "", ...rest] = path.split("/");
  if (Array.isArray(object)) {
    for (const element of object) changeAt(element, path, create, change);
    return;
  }
  if (!isMembers(object)) return;
  const isList = first.endsWith("[]");
  const name = isList ? first.slice(0, -2) : first;
  const present = object[name];
  if (rest.length === 0) {
    if (present === undefined && !create) return;
    object[name] = change(present, object);
    return;
  }
  if (present === undefined || present === null) {
    if (!create || isList) return;
    object[name] = {};
  }
  changeAt(object[name], rest.join("/"), create, change);
}

const TEMPLATE_KINDS = ["ReplicationController", "Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job"];
const SET_KINDS = ["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"];

const of = (kinds: readonly string[], path: string, create = true): FieldSpec[] =>
  kinds.map((kind) => ({ kind, path, create }));

const METADATA: FieldSpec[] = [{ path: "metadata/labels", create: true }];
const TEMPLATES: FieldSpec[] = [
  ...of(TEMPLATE_KINDS, "spec/template/metadata/labels"),
  ...of(["StatefulSet"], "spec/volumeClaimTemplates[]/metadata/labels"),
  ...of(["CronJob"], "spec/jobTemplate/metadata/labels"),
  ...of(["CronJob"], "spec/jobTemplate/spec/template/metadata/labels"),
];
const AFFINITIES = ["podAffinity", "podAntiAffinity"].flatMap((affinity) =>
  [
    "preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm",
    "requiredDuringSchedulingIgnoredDuringExecution",
  ].map((term) => `spec/template/spec/affinity/${affinity}/${term}/labelSelector/matchLabels`),
);
const SELECTORS: FieldSpec[] = [
  ...of(["ReplicationController", "Service"], "spec/selector"),
  ...of(SET_KINDS, "spec/selector/matchLabels"),
  ...AFFINITIES.flatMap((path) => of(SET_KINDS, path, false)),
  ...of(SET_KINDS, "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels", false),
  ...of(["Job", "PodDisruptionBudget"], "spec/selector/matchLabels", false),
  ...of(["CronJob"], "spec/jobTemplate/spec/selector/matchLabels", false),
  ...of(["NetworkPolicy"], "spec/podSelector/matchLabels", false),
  ...of(["NetworkPolicy"], "spec/ingress/from/podSelector/matchLabels", false),
  ...of(["NetworkPolicy"], "spec/egress/to/podSelector/matchLabels", false),
];

/** Where labels go: on the object, and as asked on pod templates and in selectors. */
export function labelFields(templates: boolean, selectors: boolean): readonly FieldSpec[] {
  return [...METADATA, ...(templates || selectors ? TEMPLATES : []), ...(selectors ? SELECTORS : [])];
}

export const ANNOTATION_FIELDS: readonly FieldSpec[] = [
  { path: "metadata/annotations", create: true },
  ...of(TEMPLATE_KINDS, "spec/template/metadata/annotations"),
  ...of(["CronJob"], "spec/jobTemplate/metadata/annotations"),
  ...of(["CronJob"], "spec/jobTemplate/spec/template/metadata/annotations"),
];

/** Adds pairs to the maps at all the fields that the object's kind has. */
export function addPairs(
  object: KubeManifestObject,
  fields: readonly FieldSpec[],
  pairs: Readonly<Record<string, unknown>>,
): void {
  const texts = Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key, String(value)]));
  for (const field of fields) {
    if (!isMeant(object, field)) continue;
    changeAt(object, field.path, field.create === true, (value) => ({ ...(isMembers(value) ? value : {}), ...texts }));
  }
}
