/** The scale subresource: how many replicas, the same for every kind that has a number of them. */

import type { Scale } from "../../model/kubernetes/autoscaling-v1.ts";
import type { LabelSelector } from "../../model/kubernetes/meta.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { WriteOptions } from "../contract.ts";
import { conflict, StatusError } from "../status.ts";
import { copyOf } from "./copy.ts";
import type { Caller, Core } from "./core.ts";
import { qualifiedResource, type ScalePaths } from "./definition.ts";
import { invalid, invalidObject } from "./field-error.ts";
import type { ServedKind } from "./registry.ts";
import { labelSelectorText } from "./selectors.ts";
import { changeObject } from "./update-object.ts";

function scalePaths(kind: ServedKind): ScalePaths {
  const paths = kind.conversion?.scale ?? kind.definition.scale;
  if (paths !== undefined) return paths;
  const message = `the server could not find the requested resource: ${qualifiedResource(kind.type)} has no subresource scale`;
  throw new StatusError("NotFound", message, { group: kind.type.group, kind: kind.type.resource });
}

function valueAt(object: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], object);
}

function setAt(object: KubeObject, path: string, value: unknown): void {
  const parts = path.split(".");
  const last = parts.pop()!;
  let at = object as unknown as Record<string, unknown>;
  for (const part of parts) {
    at[part] ??= {};
    at = at[part] as Record<string, unknown>;
  }
  at[last] = value;
}

/** A selector of labels alone (replication controllers) or a LabelSelector or a text, as text. */
function selectorText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  const isObject = "matchLabels" in (value as object) || "matchExpressions" in (value as object);
  return labelSelectorText(isObject ? (value as LabelSelector) : { matchLabels: value as Record<string, string> });
}

/** @throws StatusError NotFound when the kind has no scale. */
export function scaleOf(kind: ServedKind, object: Stored<KubeObject>): Stored<Scale> {
  const paths = scalePaths(kind);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = valueAt(object, paths.replicas);
  const selector = paths.selector === undefined ? undefined : selectorText(valueAt(object, paths.selector));
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: replicas === undefined ? {} : { replicas: replicas as number },
    status: {
      replicas: (valueAt(object, paths.statusReplicas) as number | undefined) ?? 0,
      ...(selector === undefined ? {} : { selector }),
    },
  };
}

interface ScaleChange {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly options: WriteOptions;
  compute(before: Stored<Scale>): Scale;
}

/** Changes the number of replicas. @throws StatusError NotFound, Conflict, Invalid */
export async function changeScale(
  core: Core,
  kind: ServedKind,
  caller: Caller,
  change: ScaleChange,
): Promise<Stored<Scale>> {
  const paths = scalePaths(kind);
  const { namespace, name, options } = change;
  const stored = await changeObject(core, kind, caller, {
    namespace,
    name,
    options: { ...options, subresource: undefined },
    compute: (before) => {
      const asked = change.compute(scaleOf(kind, before));
      const { uid, resourceVersion } = asked.metadata;
      if (uid && uid !== before.metadata.uid) {
        throw conflict(
          kind.type.group,
          kind.type.resource,
          name,
          `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.metadata.uid}`,
        );
      }
      const replicas = asked.spec?.replicas ?? 0;
      if (!Number.isSafeInteger(replicas) || replicas < 0) {
        const type = { group: "autoscaling", version: "v1", resource: "scales", kind: "Scale", namespaced: true };
        const fault = invalid("spec.replicas", replicas, "must be greater than or equal to 0");
        throw invalidObject(type, name, [fault]);
      }
      const object = copyOf(before as KubeObject);
      setAt(object, paths.replicas, replicas);
      if (resourceVersion) object.metadata.resourceVersion = resourceVersion;
      return object;
    },
  });
  return scaleOf(kind, stored);
}
