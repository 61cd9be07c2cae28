/** The objects that a command changes one after the other: by name, selector or file, each as the server has it, or with --local as the file has it. */

import { CliError } from "../cli-error.ts";
import { bool, string, strings } from "../flag-types.ts";
import type { KubectlContext } from "./declaration.ts";
import { labelMatcher } from "./label-selector.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { type FileFlags, manifestsOf, namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf, type ServedType } from "./resource-types.ts";

export const CHOICE_FLAGS = {
  all: bool("All objects of the types"),
  filename: strings("Files, folders or addresses of objects", { short: "f" }),
  kustomize: string("A kustomization", { short: "k" }),
  local: bool("Change what -f names, without asking the server"),
  recursive: bool("Folders below those of -f too", { short: "R" }),
  selector: string("Only objects with these labels", { short: "l" }),
};
export interface ChoiceFlags extends FileFlags {
  readonly all: boolean;
  readonly local?: boolean;
  readonly selector: string;
  readonly "all-namespaces"?: boolean;
  readonly "field-selector"?: string;
}

export interface ChosenObject {
  readonly target: ObjectTarget;
  readonly object: KubeManifestObject;
}

const LOCAL_NEEDS_FILES =
  "error: you must specify resources by --filename when --local is set.\nExample resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'";
export const NOTHING_NAMED =
  "error: You must provide one or more resources by argument or filename.\nExample resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'";

/**
 * @param failures gets the words of what could not be read; the others are given all the same
 * @throws CliError when nothing is named, or in a way that cannot be
 */
export async function chosenObjects(
  context: KubectlContext,
  words: readonly string[],
  flags: ChoiceFlags,
  failures: string[],
): Promise<ChosenObject[]> {
  if (flags.local) return await localObjects(context, words, flags);
  const chosen: ChosenObject[] = [];
  for (const target of await chosenTargets(context, words, flags)) {
    try {
      chosen.push({ target, object: await (await context.api()).get<KubeManifestObject>(objectPath(target)) });
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      failures.push(error.message);
    }
  }
  return chosen;
}

async function localObjects(
  context: KubectlContext,
  words: readonly string[],
  flags: ChoiceFlags,
): Promise<ChosenObject[]> {
  if (words.length > 0 || (flags.filename.length === 0 && !flags.kustomize)) throw new CliError(LOCAL_NEEDS_FILES);
  const isMeant = labelMatcher(flags.selector);
  const manifests = (await manifestsOf(context, flags)).filter(({ object }) => isMeant(object));
  return manifests.map((manifest) => {
    const { object } = manifest;
    const { name = "", namespace } = object.metadata ?? {};
    return { object, target: { type: typeOfKind(object), namespace, name, manifest } };
  });
}

/** What can be known of a kind without asking the server: enough to print names. */
function typeOfKind({ apiVersion, kind }: KubeManifestObject): ServedType {
  const slash = apiVersion.indexOf("/");
  const singular = kind.toLowerCase();
  return {
    group: slash < 0 ? "" : apiVersion.slice(0, slash),
    version: apiVersion.slice(slash + 1),
    resource: singular,
    singular,
    kind,
    namespaced: true,
    shortNames: [],
    categories: [],
    verbs: [],
    subresources: [],
    isPreferred: true,
  };
}

/** @throws CliError in kubectl's words */
export async function chosenTargets(
  context: KubectlContext,
  words: readonly string[],
  flags: ChoiceFlags,
): Promise<ObjectTarget[]> {
  const { objects, types } = await namedObjects(context, words, flags);
  const hasChoice = flags.all || flags.selector !== "" || (flags["field-selector"] ?? "") !== "";
  if (objects.length + types.length === 0 && words.length === 0 && flags.filename.length === 0)
    throw new CliError(NOTHING_NAMED);
  if (objects.length > 0 && words.length > 0 && flags["all-namespaces"])
    throw new CliError("error: a resource cannot be retrieved by name across all namespaces");
  if (types.length > 0 && !hasChoice) throw new CliError("error: resource(s) were provided, but no name was specified");
  const targets = [...objects];
  const api = await context.api();
  const query = { labelSelector: flags.selector, fieldSelector: flags["field-selector"] };
  for (const { type } of types) {
    const place = flags["all-namespaces"] ? undefined : await context.namespace();
    const found = await api.get<{ items?: KubeManifestObject[] }>(pathOf(type, place), { query });
    for (const { metadata } of found.items ?? []) {
      targets.push({ type, namespace: type.namespaced ? metadata?.namespace : undefined, name: metadata?.name ?? "" });
    }
  }
  return targets;
}

/**
 * Words such as "deploy web a=b c-": what names objects, and the pairs behind.
 * @param what of the pairs, for messages @throws CliError when a name stands among the pairs
 */
export function splitPairs(args: readonly string[], what: string): { words: string[]; pairs: string[] } {
  const isPair = (word: string) =>
    (word.includes("=") && !word.startsWith("=")) || (word.endsWith("-") && word !== "-");
  const first = args.findIndex(isPair);
  if (first < 0) return { words: [...args], pairs: [] };
  const stray = args.slice(first).find((word) => !isPair(word));
  if (stray !== undefined)
    throw new CliError(`error: all resources must be specified before ${what} changes: ${stray}`);
  return { words: args.slice(0, first), pairs: args.slice(first) };
}
