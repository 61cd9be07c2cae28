/**
 * Own words about builtin types and their fields, for `kubectl explain`. A line of field-descriptions.txt is a type's name, or a type's and
 * a field's ("core.v1.PodSpec.volumes"), a tab, and what it is. What has no line has no description.
 */
import table from "./field-descriptions.txt" with { type: "text" };

let known: ReadonlyMap<string, string> | undefined;

/** @param name of a type as in builtin-types.txt @param field of it; the type itself when left out */
export function descriptionOf(name: string, field?: string): string | undefined {
  known ??= new Map(table.split("\n").map((line) => line.split("\t", 2) as [string, string]));
  return known.get(field === undefined ? name : `${name}.${field}`);
}
