/** What the words and flags of a command name: objects by type and name, by selector, or in files. */

import { CliError } from "../cli-error.ts";
import { comingTypes } from "./coming-types.ts";
import type { KubectlContext } from "./declaration.ts";
import { labelMatcher } from "./label-selector.ts";
import { type KubeManifest, readManifests } from "./manifest-files.ts";
import { pathOf, type ServedType } from "./resource-types.ts";

/** An object that a command is about. */
export interface ObjectTarget {
  readonly type: ServedType;
  /** Undefined for cluster-wide types. */
  readonly namespace: string | undefined;
  readonly name: string;
  /** From a file: what stands there, and where. */
  readonly manifest?: KubeManifest;
}

/** All objects of a type. */
interface TypeTarget {
  readonly type: ServedType;
}

interface NamedObjects {
  readonly objects: ObjectTarget[];
  /** Types without names: "pods" of `get pods`. */
  readonly types: TypeTarget[];
}

export interface FileFlags {
  readonly filename: readonly string[];
  readonly recursive: boolean;
  readonly kustomize?: string;
}

/** Flags that choose among the objects of a type, which then has no names beside it. */
interface SelectionFlags {
  /** Of objects in files only those with the labels are taken. */
  readonly selector?: string;
  readonly "field-selector"?: string;
  readonly all?: boolean;
}

/**
 * The words of `get pods`, `get pod web db`, `get pod/web svc/web`, `get pods,services`, or the files of -f.
 * @throws CliError in kubectl's words
 */
export async function namedObjects(
  context: KubectlContext,
  words: readonly string[],
  flags: FileFlags & SelectionFlags = { filename: [], recursive: false },
): Promise<NamedObjects> {
  if (flags.filename.length > 0 || flags.kustomize) {
    if (words.length > 0) {
      throw new CliError(
        "error: when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well",
      );
    }
    const isMeant = labelMatcher(flags.selector ?? "");
    const objects = await objectsInFiles(context, flags);
    return { objects: objects.filter(({ manifest }) => isMeant(manifest!.object)), types: [] };
  }
  checkSelection(words, flags);
  const types = await context.types();
  const namespace = await context.namespace();
  const place = (type: ServedType, name: string): ObjectTarget => ({
    type,
    namespace: type.namespaced ? namespace : undefined,
    name,
  });
  if (words.some((word) => word.includes("/"))) {
    const named = words.map(typeAndName);
    return { types: [], objects: named.map(({ type, name }) => place(types.find(type), name)) };
  }
  const [first, ...names] = words;
  if (first === undefined) return { objects: [], types: [] };
  const found = first.split(",").flatMap((name) => {
    const inCategory = types.inCategory(name.toLowerCase());
    return inCategory.length > 0 ? inCategory : [types.find(name)];
  });
  if (names.length === 0) return { objects: [], types: found.map((type) => ({ type })) };
  return { objects: found.flatMap((type) => names.map((name) => place(type, name))), types: [] };
}

/** "pod/web" in its parts. @throws CliError */
function typeAndName(word: string): { type: string; name: string } {
  const [type = "", name = "", ...more] = word.split("/");
  if (more.length > 0) throw new CliError("error: arguments in resource/name form may not have more than one slash");
  if (!word.includes("/")) {
    throw new CliError(
      "error: there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'",
    );
  }
  if (type === "" || name === "" || type.includes(","))
    throw new CliError("error: arguments in resource/name form must have a single resource and name");
  return { type, name };
}

/** Names and selectors exclude each other: what the selector does not choose must not be touched because of its name. */
function checkSelection(words: readonly string[], flags: SelectionFlags): void {
  const selects = Boolean(flags.selector || flags["field-selector"]);
  if (!selects && !flags.all) return;
  if (words.length === 0 && selects)
    throw new CliError("error: at least one resource must be specified to use a selector");
  if (words.some((word) => word.includes("/")))
    throw new CliError("error: selectors and the all flag cannot be used when passing resource/name arguments");
  if (words.length > 1) throw new CliError("error: name cannot be provided when a selector is specified");
}

/** What -f or -k names. @throws CliError */
export async function manifestsOf(context: KubectlContext, files: FileFlags): Promise<KubeManifest[]> {
  const folder = files.kustomize;
  if (!folder) return await readManifests(files.filename, files.recursive);
  if (files.filename.length > 0) throw new CliError("error: only one of -f or -k can be specified");
  const { buildKustomization } = await import("./kustomize/build.ts");
  const objects = await buildKustomization(folder, { isRestricted: true, warn: context.printError });
  return objects.map((object) => ({ object, source: folder }));
}

/** Objects as files describe them, each with the namespace that it goes to. */
async function objectsInFiles(context: KubectlContext, files: FileFlags): Promise<ObjectTarget[]> {
  const namespace = await context.namespace();
  const manifests = await manifestsOf(context, files);
  const types = (await context.types()).with(comingTypes(manifests));
  return manifests.map((manifest) => {
    const { apiVersion, kind, metadata } = manifest.object;
    const type = types.ofKind(apiVersion, kind, { ...metadata, source: manifest.source });
    const own = metadata?.namespace;
    if (type.namespaced && own && context.namespaceGiven && own !== namespace) {
      throw new CliError(
        `error: the namespace from the provided object "${own}" does not match the namespace "${namespace}". You must pass '--namespace=${own}' to perform this operation.`,
      );
    }
    if (!type.namespaced) return { type, namespace: undefined, name: metadata?.name ?? "", manifest };
    const place = own || namespace;
    // It stands in the object too, as kubectl writes it: `apply` keeps the object's text.
    const object = { ...manifest.object, metadata: { ...metadata, namespace: place } };
    return { type, namespace: place, name: metadata?.name ?? "", manifest: { ...manifest, object } };
  });
}

/** The path of an object. */
export const objectPath = ({ type, namespace, name }: ObjectTarget, subresource?: string): string =>
  pathOf(type, namespace, name, subresource);
