/** Definitions of all builtin kinds without their own rules, and schemas that know nothing: for tests of what stands below those. */

import type { PartialUpdate, ResourceDefinition } from "../../src/kube/machinery/definition.ts";
import { anyKind } from "../../src/kube/machinery/registry.ts";
import type { SchemaSet } from "../../src/kube/schema/contract.ts";
import { StatusError } from "../../src/kube/status.ts";
import type { Namespace, Pod } from "../../src/model/kubernetes/core.ts";
import * as names from "../../src/model/kubernetes/names.ts";
import type { KubeObject, ResourceType } from "../../src/model/kubernetes/object.ts";

const statusAlone: PartialUpdate = {
  prepare(object, before) {
    const status = (object as { status?: unknown }).status;
    for (const key of Object.keys(object)) {
      if (key !== "metadata" && key !== "status") delete (object as unknown as Record<string, unknown>)[key];
    }
    Object.assign(object, { ...structuredClone(before), metadata: object.metadata, status });
  },
};

const WITHOUT_STATUS = new Set([
  "configmaps",
  "secrets",
  "events",
  "leases",
  "endpoints",
  "endpointslices",
  "controllerrevisions",
]);
const SCALED = new Set(["deployments", "replicasets", "statefulsets", "replicationcontrollers"]);
const COUNTED = new Set(["apps", "batch", "autoscaling", "policy", "networking.k8s.io"]);

function plainKind(type: ResourceType): ResourceDefinition {
  return {
    type,
    singular: type.kind.toLowerCase(),
    generation: COUNTED.has(type.group) || type.resource === "pods",
    ...(WITHOUT_STATUS.has(type.resource) ? {} : { partialUpdates: { status: statusAlone } }),
    ...(SCALED.has(type.resource)
      ? { scale: { replicas: "spec.replicas", statusReplicas: "status.replicas", selector: "spec.selector" } }
      : {}),
  };
}

const pods: ResourceDefinition<Pod> = {
  ...plainKind(names.PODS),
  type: names.PODS,
  graceSeconds: ({ spec, status }, asked) => {
    if (!spec?.nodeName || status?.phase === "Failed" || status?.phase === "Succeeded") return 0;
    return asked ?? spec.terminationGracePeriodSeconds ?? 30;
  },
  selectableFields: {
    "spec.nodeName": (pod) => pod.spec?.nodeName ?? "",
    "status.phase": (pod) => pod.status?.phase ?? "",
  },
};
const namespaces: ResourceDefinition<Namespace> = {
  ...plainKind(names.NAMESPACES),
  type: names.NAMESPACES,
  partialUpdates: { status: statusAlone, finalize: { prepare() {} } },
  prepareCreate(namespace) {
    namespace.spec = { finalizers: ["kubernetes"] };
    namespace.status = { phase: "Active" };
  },
  prepareDelete(namespace) {
    namespace.status = { ...namespace.status, phase: "Terminating" };
  },
  moreFinalizers: (namespace) => namespace.spec?.finalizers ?? [],
};

function isType(value: unknown): value is ResourceType {
  return typeof value === "object" && value !== null && "resource" in value;
}

/** Every kind of names.ts; `special` ones in the place of the plain ones. */
export function plainKinds(...special: readonly ResourceDefinition[]): ResourceDefinition[] {
  const own = [...special, anyKind(pods), anyKind(namespaces)];
  const plain = (Object.values(names) as unknown[]).filter(isType).map((type) => {
    const named = own.find((one) => one.type.resource === type.resource && one.type.group === type.group);
    return named ?? plainKind(type);
  });
  return [...plain, ...special.filter((one) => !plain.includes(one))];
}

function merge(current: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> =
    typeof current === "object" && current !== null && !Array.isArray(current) ? { ...current } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}

/** Knows merge patches alone; every field of every kind is fine, nobody owns any. */
export const plainSchemas: SchemaSet = {
  schemaOf: () => undefined,
  mergePatch: (current, patch) => merge(current, patch) as KubeObject,
  strategicMergePatch: () => {
    throw new StatusError("UnsupportedMediaType", "plain test clusters know merge patches alone");
  },
  jsonPatch: () => {
    throw new StatusError("UnsupportedMediaType", "plain test clusters know merge patches alone");
  },
  apply: () => {
    throw new StatusError("UnsupportedMediaType", "plain test clusters know merge patches alone");
  },
  trackUpdate() {},
};
