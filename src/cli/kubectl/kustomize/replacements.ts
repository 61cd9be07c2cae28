/** Values that are copied from a field of one object into fields of others. */

import { CliError } from "../../cli-error.ts";
import { type CustomizedObject, idText } from "./customized-object.ts";
import type { FieldOptions, ReplacementEntry } from "./kustomization-file.ts";
import { isNamed } from "./selectors.ts";

/** @throws CliError when the source is not there once, or a target's field is missing */
export function replaceFields(objects: readonly CustomizedObject[], entry: ReplacementEntry): void {
  const value = sourceValue(objects, entry);
  for (const { select, reject = [], fieldPaths = ["metadata.name"], options = {} } of entry.targets ?? []) {
    if (select === undefined) throw new CliError("error: target must specify resources to select");
    for (const one of objects) {
      if (!isNamed(one, select) || reject.some((target) => isNamed(one, target))) continue;
      for (const path of fieldPaths) setField(one, path, value, options);
    }
  }
}

function sourceValue(objects: readonly CustomizedObject[], { source, sourceValue: plain }: ReplacementEntry): unknown {
  if (source === undefined) {
    if (plain === undefined) throw new CliError("error: replacements must specify a source and at least one target");
    return plain;
  }
  const found = objects.filter((one) => isNamed(one, source));
  if (found.length !== 1) {
    const why = found.length === 0 ? "nothing selected by" : "multiple matches for selector";
    throw new CliError(
      `error: ${why} ${source.kind ?? "[noKind]"}.${source.version ?? "[noVer]"}.${source.group ?? "[noGrp]"}/${source.name ?? ""}.${source.namespace ?? "[noNs]"}`,
    );
  }
  const { fieldPath = "metadata.name", options = {} } = source;
  const values = valuesAt(found[0]!.object, pathWords(fieldPath));
  if (values.length === 0)
    throw new CliError(
      `error: fieldPath \`${fieldPath}\` is missing for replacement source ${idText(found[0]!.object)}`,
    );
  const [value] = values;
  if (options.delimiter === undefined || options.delimiter === "") return value;
  const part = String(value).split(options.delimiter)[options.index ?? 0];
  if (part === undefined)
    throw new CliError(`error: options.index ${options.index} is out of bounds for value ${value}`);
  return part;
}

/** "a.b\.c.[name=x].*.0" in words; words in brackets may hold dots. */
function pathWords(path: string): string[] {
  const words: string[] = [];
  let word = "";
  let depth = 0;
  for (let at = 0; at < path.length; at++) {
    const sign = path[at]!;
    if (sign === "\\" && path[at + 1] === ".") {
      word += ".";
      at++;
    } else if (sign === "." && depth === 0) {
      words.push(word);
      word = "";
    } else {
      if (sign === "[") depth++;
      if (sign === "]") depth--;
      word += sign;
    }
  }
  return [...words, word].filter((one) => one !== "");
}

type Members = Record<string, unknown>;

/** The members or elements that a word means. */
function keysOf(holder: unknown, word: string): string[] {
  if (typeof holder !== "object" || holder === null) return [];
  if (word === "*") return Object.keys(holder);
  const [, key, wanted] = /^\[([^=]+)=(.*)\]$/.exec(word) ?? [];
  if (key !== undefined && Array.isArray(holder))
    return [...holder.keys()].filter((at) => String((holder[at] as Members)?.[key]) === wanted).map(String);
  if (Array.isArray(holder) && !/^\d+$/.test(word)) return [];
  return word in holder ? [word] : [];
}

function valuesAt(value: unknown, words: readonly string[]): unknown[] {
  const [first, ...rest] = words;
  if (first === undefined) return [value];
  return keysOf(value, first).flatMap((key) => valuesAt((value as Members)[key], rest));
}

function setField(one: CustomizedObject, path: string, value: unknown, options: FieldOptions): void {
  const words = pathWords(path);
  const last = words.pop()!;
  one.object = structuredClone(one.object);
  const holders = words.length === 0 ? [one.object] : holdersAt(one.object, words, options.create === true);
  let count = 0;
  for (const holder of holders as Members[]) {
    const keys = keysOf(holder, last);
    const wanted = keys.length === 0 && options.create === true && !Array.isArray(holder) ? [last] : keys;
    for (const key of wanted) {
      holder[key] = joined(holder[key], value, options);
      count++;
    }
  }
  if (count === 0) throw new CliError(`error: unable to find field "${path}" in replacement target`);
}

function holdersAt(object: unknown, words: readonly string[], create: boolean): unknown[] {
  const [first, ...rest] = words;
  if (first === undefined) return [object];
  const keys = keysOf(object, first);
  if (keys.length === 0 && create && typeof object === "object" && object !== null && !Array.isArray(object)) {
    (object as Members)[first] = {};
    return holdersAt((object as Members)[first], rest, create);
  }
  return keys.flatMap((key) => holdersAt((object as Members)[key], rest, create));
}

/** With a delimiter only one part of the text is replaced; an index beyond its ends adds a part. */
function joined(present: unknown, value: unknown, { delimiter, index = 0 }: FieldOptions): unknown {
  if (!delimiter) return structuredClone(value);
  const parts = String(present ?? "").split(delimiter);
  if (index < 0) parts.unshift(String(value));
  else if (index >= parts.length) parts.push(String(value));
  else parts[index] = String(value);
  return parts.join(delimiter);
}
