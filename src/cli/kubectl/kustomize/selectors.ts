/** Which objects an entry of a kustomization means. */

import { labelMatcher } from "../label-selector.ts";
import { type CustomizedObject, nameOf, splitVersion } from "./customized-object.ts";
import type { Target } from "./kustomization-file.ts";

/** True for objects that fit in all that is named; names, kinds and namespaces are regular expressions for the whole word. */
export function fits(customized: CustomizedObject, target: Target): boolean {
  const { object, names } = customized;
  const { group, version } = splitVersion(object.apiVersion);
  const known = [nameOf(object), ...names];
  return (
    matches(target.group, group) &&
    matches(target.version, version) &&
    matches(target.kind, object.kind) &&
    known.some(({ name }) => matches(target.name, name)) &&
    known.some(
      ({ namespace }) => matches(target.namespace, namespace || "default") || matches(target.namespace, namespace),
    ) &&
    labelMatcher(target.labelSelector ?? "")(object) &&
    labelMatcher(target.annotationSelector ?? "")({
      metadata: { labels: (object.metadata as { annotations?: unknown } | undefined)?.annotations },
    })
  );
}

/** The same with plain words, as replacements have them. */
export function isNamed(customized: CustomizedObject, target: Target): boolean {
  const { object, names } = customized;
  const { group, version } = splitVersion(object.apiVersion);
  const known = [nameOf(object), ...names];
  return (
    (!target.group || target.group === group) &&
    (!target.version || target.version === version) &&
    (!target.kind || target.kind === object.kind) &&
    (!target.name || known.some(({ name }) => name === target.name)) &&
    (!target.namespace || known.some(({ namespace }) => namespace === target.namespace))
  );
}

const matches = (pattern: string | undefined, text: string): boolean =>
  pattern === undefined || pattern === "" || new RegExp(`^(?:${pattern})$`).test(text);
