/** What `label` and `annotate` have in common: pairs that are set, and keys that are taken away. */

import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { sameJson } from "./apply-patch.ts";
import { CHOICE_FLAGS, type ChoiceFlags, type ChosenObject, chosenObjects, splitPairs } from "./chosen-objects.ts";
import type { KubectlContext } from "./declaration.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS, type PrintFlags } from "./output-format.ts";
import { objectPath } from "./resource-arguments.ts";
import { dryRun, tellResult, writeQuery } from "./write-flags.ts";

export const METADATA_FLAGS = {
  ...PRINT_FLAGS,
  ...CHOICE_FLAGS,
  "all-namespaces": bool("Objects of all namespaces", { short: "A" }),
  "dry-run": dryRun(),
  "field-selector": string("Only objects with these fields"),
  list: bool("Print what is there"),
  overwrite: bool("Change values that are there already"),
  "resource-version": string("Only where the object has this version"),
};
interface Flags extends PrintFlags, ChoiceFlags {
  readonly "all-namespaces": boolean;
  readonly "dry-run": string;
  readonly "field-manager": string;
  readonly "field-selector": string;
  readonly list: boolean;
  readonly overwrite: boolean;
  readonly "resource-version": string;
}
type Field = "labels" | "annotations";

interface Wishes {
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

const LABEL_VALUE = /^(?:(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

function parseWishes(pairs: readonly string[], field: Field): Wishes {
  const set = new Map<string, string>();
  const remove: string[] = [];
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    if (equals < 0) remove.push(pair.slice(0, -1));
    else set.set(pair.slice(0, equals), pair.slice(equals + 1));
    const value = equals < 0 ? "" : pair.slice(equals + 1);
    if (field === "labels" && !LABEL_VALUE.test(value)) {
      throw new CliError(
        `error: invalid label value: ${JSON.stringify(pair)}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue', or 'my_value', or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
      );
    }
  }
  const both = remove.filter((key) => set.has(key));
  if (both.length > 0) {
    throw new CliError(
      field === "labels"
        ? "error: can not both modify and remove a label in the same command"
        : `error: can not both modify and remove the following annotation(s) in the same command: ${both.join(", ")}`,
    );
  }
  return { set, remove };
}

/** Carries out `label` or `annotate`. @throws CliError with what failed, when the others are done */
export async function changeMetadata(
  context: KubectlContext,
  args: readonly string[],
  flags: Flags,
  field: Field,
): Promise<void> {
  const singular = field.slice(0, -1);
  const { words, pairs } = splitPairs(args, singular);
  const wishes = parseWishes(pairs, field);
  checkFlags(flags, words);
  if (pairs.length === 0 && !flags.list) throw new CliError(`error: at least one ${singular} update is required`);
  const failures: string[] = [];
  const chosen = await chosenObjects(context, words, flags, failures);
  const isOne =
    chosen.length === 1 && (flags.filename.length > 0 || words.some((word) => word.includes("/")) || words.length > 1);
  if (flags["resource-version"] !== "" && !isOne)
    throw new CliError("error: --resource-version may only be used with a single resource");
  for (const one of chosen) {
    try {
      await changeOne(context, one, flags, field, wishes, isOne);
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      failures.push(error.message);
    }
  }
  if (failures.length > 0) throw new CliError(failures.join("\n"));
}

function checkFlags(flags: Flags, words: readonly string[]): void {
  const hasFiles = flags.filename.length > 0 || Boolean(flags.kustomize);
  if (flags.all && flags.selector !== "") throw new CliError("error: cannot set --all and --selector at the same time");
  if (flags.all && flags["field-selector"] !== "")
    throw new CliError("error: cannot set --all and --field-selector at the same time");
  if (!flags.local) {
    if (words.length === 0 && !hasFiles)
      throw new CliError("error: one or more resources must be specified as <resource> <name> or <resource>/<name>");
    return;
  }
  if (flags["dry-run"] === "server")
    throw new CliError("error: cannot specify --local and --dry-run=server - did you mean --dry-run=client?");
  if (words.length > 0)
    throw new CliError(
      "error: can only use local files by -f pod.yaml or --filename=pod.json when --local=true is set",
    );
  if (!hasFiles) throw new CliError("error: one or more files must be specified as -f pod.yaml or --filename=pod.json");
}

async function changeOne(
  context: KubectlContext,
  { target, object }: ChosenObject,
  flags: Flags,
  field: Field,
  wishes: Wishes,
  isOne: boolean,
): Promise<void> {
  const known = (object.metadata?.[field] ?? {}) as Record<string, string>;
  checkOverwrite(known, wishes, flags, field);
  const values: Record<string, string> = { ...known, ...Object.fromEntries(wishes.set) };
  for (const key of wishes.remove) delete values[key];
  if (flags.list) return listValues(context, object, values, field, isOne);
  const sent = !flags.local && flags["dry-run"] !== "client";
  if (field === "labels" && sent) {
    for (const key of wishes.remove) if (!Object.hasOwn(known, key)) context.print(`label "${key}" not found.\n`);
  }
  const verb = verbOf(field, known, values, flags.overwrite);
  const version = flags["resource-version"];
  const changed = { ...object, metadata: { ...object.metadata, [field]: values } };
  // `label` has a printer for each object, `annotate` one for all: only there dashes stand between.
  const printing = field === "labels" ? { ...context } : context;
  if (!sent) return await tellResult(printing, flags, target.type, changed, verb);
  const removed = wishes.remove.filter((key) => Object.hasOwn(known, key)).map((key) => [key, null] as const);
  const different = [...wishes.set].filter(([key, value]) => known[key] !== value);
  const result =
    removed.length + different.length === 0 && version === ""
      ? object
      : await (await context.api()).json<KubeManifestObject>("PATCH", objectPath(target), {
          body: {
            metadata: {
              [field]: Object.fromEntries([...different, ...removed]),
              ...(version === "" ? {} : { resourceVersion: version }),
            },
          },
          contentType: "application/merge-patch+json",
          query: writeQuery(flags),
        });
  await tellResult(printing, flags, target.type, result, verb);
}

function checkOverwrite(known: Record<string, string>, { set }: Wishes, flags: Flags, field: Field): void {
  if (flags.overwrite) return;
  const differing = [...set].filter(([key, value]) => Object.hasOwn(known, key) && known[key] !== value);
  if (differing.length === 0) return;
  const texts = differing.map(([key]) => `'${key}' already has a value (${known[key]})`);
  throw new CliError(
    field === "labels"
      ? `error: ${texts[0]}, and --overwrite is false`
      : `error: --overwrite is false but found the following declared annotation(s): ${texts.join("; ")}`,
  );
}

function verbOf(field: Field, before: object, after: object, overwrite: boolean): string {
  if (field === "annotations") return "annotated";
  if (sameJson(before, after)) return "not labeled";
  return !overwrite && Object.keys(after).length < Object.keys(before).length ? "unlabeled" : "labeled";
}

function listValues(
  context: KubectlContext,
  { apiVersion, kind, metadata }: KubeManifestObject,
  values: Record<string, string>,
  field: Field,
  isOne: boolean,
): void {
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  const title = isOne ? "" : `Listing ${field} for ${kind}.${group}/${metadata?.name}:\n`;
  const lines = Object.entries(values)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, value]) => `${isOne ? "" : " "}${key}=${value}\n`);
  context.print(title + lines.join(""));
}
