/** Objects of kinds that have no description of their own: every field, with names made readable. */

import { annotationLines, labelLines } from "./describer.ts";

const ACRONYMS = new Set(["API", "URL", "UID", "OSB", "GUID"]);
const SHOWN_ABOVE = new Set(["name", "namespace", "labels", "annotations", "managedFields"]);

interface AnyObject {
  apiVersion?: string;
  kind?: string;
  metadata?: {
    name?: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
}

/** Name, labels and annotations, then every other field. */
export function anyObjectLines(object: AnyObject): string[] {
  const { metadata = {}, apiVersion, kind } = object;
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace ?? ""}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    ...fieldLines({ ...object, apiVersion, kind }, "", ""),
  ];
}

function fieldLines(fields: object, indent: string, path: string): string[] {
  return Object.entries(fields)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([name, value]): string[] => {
      if (path === ".metadata" && SHOWN_ABOVE.has(name)) return [];
      const title = `${indent}${readable(name)}:`;
      if (Array.isArray(value))
        return [title, ...value.flatMap((item) => itemLines(item, `${indent}  `, `${path}.${name}`))];
      if (typeof value === "object" && value !== null)
        return [title, ...fieldLines(value, `${indent}  `, `${path}.${name}`)];
      return [`${title}\t${value ?? "<nil>"}`];
    });
}

function itemLines(item: unknown, indent: string, path: string): string[] {
  if (typeof item === "object" && item !== null) return fieldLines(item, indent, path);
  return [`${indent}${item}`];
}

/** "resourceVersion" → "Resource Version", "podCIDR" → "Pod CIDR", "uid" → "UID". */
function readable(name: string): string {
  if (/[^\p{L}-]/u.test(name)) return name;
  return (
    name
      .replaceAll(/(\p{Ll})(\p{Lu})/gu, "$1 $2")
      // "URLs" stays one word.
      .replaceAll(/(\p{Lu})(\p{Lu}(?!s(?:$|\p{Lu}))\p{Ll})/gu, "$1 $2")
      .split(/ |(?=-)|(?<=-)/)
      .map((part) =>
        ACRONYMS.has(part.toUpperCase()) ? part.toUpperCase() : part.charAt(0).toUpperCase() + part.slice(1),
      )
      .join(" ")
  );
}
