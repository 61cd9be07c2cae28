/** What `label` and `annotate` have in common: pairs that are set, and keys that are taken away. */

import { CliError } from "../cli-error.ts";
import { bool, list, string } from "../flag-types.ts";
import type { KubectlContext } from "./declaration.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS, type PrintFlags } from "./output-format.ts";
import { type FileFlags, namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
import { dryRun, tellResult, writeQuery } from "./write-flags.ts";

export const METADATA_FLAGS = {
  ...PRINT_FLAGS,
  all: bool("All objects of the types"),
  "all-namespaces": bool("Objects of all namespaces", { short: "A" }),
  "dry-run": dryRun(),
  "field-manager": string("Who owns the fields that are set"),
  "field-selector": string("Only objects with these fields"),
  filename: list("Files, folders or addresses of objects", { short: "f", type: "strings" }),
  kustomize: string("A kustomization", { short: "k" }),
  list: bool("Print what is there"),
  local: bool("Only change what -f names, without asking the server"),
  overwrite: bool("Change values that are there already"),
  recursive: bool("Folders below those of -f too", { short: "R" }),
  "resource-version": string("Only where the object has this version"),
  selector: string("Only objects with these labels", { short: "l" }),
};
interface Flags extends PrintFlags, FileFlags {
  readonly all: boolean;
  readonly "all-namespaces": boolean;
  readonly "dry-run": string;
  readonly "field-manager": string;
  readonly "field-selector": string;
  readonly list: boolean;
  readonly local: boolean;
  readonly overwrite: boolean;
  readonly "resource-version": string;
  readonly selector: string;
}

interface Wishes {
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

/** Words "pod web a=b c-": the objects' words, and what is to be changed. */
function split(args: readonly string[], what: string): { words: string[]; wishes: Wishes } {
  const isChange = (word: string) => /^[^=/]+(\/[^=/]+)?=/.test(word) || /.-$/.test(word);
  const first = args.findIndex((word, at) => at > 0 && isChange(word));
  const words = first < 0 ? [...args] : args.slice(0, first);
  const set = new Map<string, string>();
  const remove: string[] = [];
  for (const word of first < 0 ? [] : args.slice(first)) {
    const equals = word.indexOf("=");
    if (equals > 0) set.set(word.slice(0, equals), word.slice(equals + 1));
    else if (word.endsWith("-")) remove.push(word.slice(0, -1));
    else throw new CliError(`error: unexpected ${what} spec: ${word}, expected key=value or key-`);
  }
  const both = remove.find((key) => set.has(key));
  if (both !== undefined)
    throw new CliError(`error: can not both modify and remove ${what} "${both}" in the same command`);
  return { words, wishes: { set, remove } };
}

/** @param field "labels" or "annotations" */
export async function changeMetadata(
  context: KubectlContext,
  args: readonly string[],
  flags: Flags,
  field: "labels" | "annotations",
): Promise<void> {
  if (flags.local) throw new CliError("error: --local is not supported: use --dry-run=client");
  const singular = field.slice(0, -1);
  const { words, wishes } = split(args, singular);
  if (wishes.set.size + wishes.remove.length === 0 && !flags.list) {
    throw new CliError(`error: at least one ${singular} update is required`);
  }
  const targets = await targetsOf(context, words, flags);
  if (targets.length === 0)
    throw new CliError("error: one or more resources must be specified as <resource> <name> or <resource>/<name>");
  const failures: string[] = [];
  for (const target of targets) {
    try {
      await changeOne(context, target, flags, field, wishes);
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      failures.push(error.message);
    }
  }
  if (failures.length > 0) throw new CliError(failures.join("\n"));
}

async function targetsOf(context: KubectlContext, words: readonly string[], flags: Flags): Promise<ObjectTarget[]> {
  const { objects, types } = await namedObjects(context, words, flags);
  const hasChoice = flags.all || flags.selector !== "" || flags["field-selector"] !== "";
  if (types.length > 0 && !hasChoice) throw new CliError("error: resource(s) were provided, but no name was specified");
  const api = await context.api();
  const targets = [...objects];
  for (const { type } of types) {
    const place = flags["all-namespaces"] ? undefined : await context.namespace();
    const query = { labelSelector: flags.selector, fieldSelector: flags["field-selector"] };
    const found = await api.get<{ items?: KubeManifestObject[] }>(pathOf(type, place), { query });
    for (const { metadata } of found.items ?? []) {
      targets.push({ type, namespace: type.namespaced ? metadata?.namespace : undefined, name: metadata?.name ?? "" });
    }
  }
  return targets;
}

async function changeOne(
  context: KubectlContext,
  target: ObjectTarget,
  flags: Flags,
  field: "labels" | "annotations",
  { set, remove }: Wishes,
): Promise<void> {
  const api = await context.api();
  const object = await api.get<KubeManifestObject>(objectPath(target));
  const known = (object.metadata?.[field] ?? {}) as Record<string, string>;
  if (flags.list) {
    context.print(
      Object.entries(known)
        .sort()
        .map(([key, value]) => `${key}=${value}\n`)
        .join(""),
    );
    return;
  }
  const singular = field.slice(0, -1);
  for (const [key, value] of set) {
    if (key in known && known[key] !== value && !flags.overwrite) {
      throw new CliError(
        field === "labels"
          ? `error: '${key}' already has a value (${known[key]}), and --overwrite is false`
          : `error: --overwrite is false but found the following declared ${singular}(s): '${key}' already has a value (${known[key]})`,
      );
    }
  }
  for (const key of remove) if (!(key in known)) context.print(`${singular} "${key}" not found.\n`);
  const removed = remove.filter((key) => key in known);
  const changed = [...set].filter(([key, value]) => known[key] !== value);
  const values = Object.fromEntries([...changed, ...removed.map((key) => [key, null] as const)]);
  const verb =
    field === "annotations"
      ? "annotated"
      : changed.length > 0
        ? "labeled"
        : removed.length > 0
          ? "unlabeled"
          : "not labeled";
  const isNothing = changed.length + removed.length === 0;
  const version = flags["resource-version"];
  const result =
    flags["dry-run"] === "client" || isNothing
      ? object
      : await api.json<KubeManifestObject>("PATCH", objectPath(target), {
          body: { metadata: { [field]: values, ...(version === "" ? {} : { resourceVersion: version }) } },
          contentType: "application/merge-patch+json",
          query: writeQuery({
            ...flags,
            "field-manager": flags["field-manager"] || `kubectl-${field === "labels" ? "label" : "annotate"}`,
          }),
        });
  await tellResult(context, flags, target.type, result, verb);
}
