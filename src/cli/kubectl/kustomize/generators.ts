/** Config maps and secrets from literals, files and lists of variables. */

import { basename } from "node:path";
import { CliError } from "../../cli-error.ts";
import type { KubeManifestObject } from "../manifest-files.ts";
import { type CustomizedObject, newCustomized, wasNamed } from "./customized-object.ts";
import type { GeneratorEntry, GeneratorOptions } from "./kustomization-file.ts";

/** Reads a file of the kustomization. */
type ReadBytes = (path: string) => Promise<Uint8Array>;
type Kind = "ConfigMap" | "Secret";

/** Adds the object of an entry to the list, or changes the one of its name. @throws CliError when that is not there */
export async function generate(
  objects: CustomizedObject[],
  kind: Kind,
  entry: GeneratorEntry,
  common: GeneratorOptions,
  readBytes: ReadBytes,
): Promise<void> {
  const options = {
    ...common,
    ...entry.options,
    labels: { ...common.labels, ...entry.options?.labels },
    annotations: { ...common.annotations, ...entry.options?.annotations },
  };
  const made = objectOf(kind, entry, options, await contentOf(entry, readBytes));
  const present = objects.find((one) => one.object.kind === kind && wasNamed(one, entry.name));
  const { behavior = "create" } = entry;
  if (behavior === "merge" || behavior === "replace") {
    if (present === undefined) {
      throw new CliError(
        `error: merging from generator: id ${kind}.v1.[noGrp]/${entry.name}.${entry.namespace ?? "[noNs]"} does not exist; cannot merge or replace`,
      );
    }
    present.object =
      behavior === "merge"
        ? merged(present.object, made)
        : { ...made, metadata: merged(present.object, made).metadata! };
    present.needsHash ||= options.disableNameSuffixHash !== true;
    return;
  }
  if (present !== undefined) {
    throw new CliError(
      `error: merging from generator: id ${kind}.v1.[noGrp]/${entry.name}.${entry.namespace ?? "[noNs]"} exists; behavior must be merge or replace`,
    );
  }
  objects.push(newCustomized(made, options.disableNameSuffixHash !== true));
}

function objectOf(
  kind: Kind,
  { name, namespace, type }: GeneratorEntry,
  { labels = {}, annotations = {}, immutable }: GeneratorOptions,
  content: ReadonlyMap<string, Uint8Array>,
): KubeManifestObject {
  const data: Record<string, string> = {};
  const binaryData: Record<string, string> = {};
  for (const [key, bytes] of content) {
    const text = kind === "ConfigMap" ? textOf(bytes) : undefined;
    if (text !== undefined) data[key] = text;
    else (kind === "Secret" ? data : binaryData)[key] = base64Lines(bytes);
  }
  return {
    apiVersion: "v1",
    kind,
    metadata: {
      name,
      ...(namespace ? { namespace } : {}),
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    ...(Object.keys(data).length > 0 ? { data } : {}),
    ...(Object.keys(binaryData).length > 0 ? { binaryData } : {}),
    ...(kind === "Secret" ? { type: type || "Opaque" } : {}),
    ...(immutable ? { immutable: true } : {}),
  };
}

const LINE = 70;

/** Base64 as kustomize writes it, which its hashes are of: a long one in lines, each with a line break behind it. */
function base64Lines(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("base64");
  return text.length < LINE ? text : text.replaceAll(/.{1,70}/g, "$&\n");
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

async function contentOf(entry: GeneratorEntry, readBytes: ReadBytes): Promise<Map<string, Uint8Array>> {
  const content = new Map<string, Uint8Array>();
  const set = (key: string, bytes: Uint8Array) => {
    if (content.has(key)) throw new CliError(`error: configmap ${entry.name} illegally repeats the key \`${key}\``);
    content.set(key, bytes);
  };
  for (const path of [...(entry.envs ?? []), ...(entry.env === undefined ? [] : [entry.env])])
    for (const [key, value] of variables(new TextDecoder().decode(await readBytes(path)))) set(key, value);
  for (const file of entry.files ?? []) {
    const equals = file.indexOf("=");
    const path = file.slice(equals + 1);
    set(equals < 0 ? basename(path) : file.slice(0, equals), await readBytes(path));
  }
  for (const literal of entry.literals ?? []) {
    const equals = literal.indexOf("=");
    if (equals < 1) throw new CliError(`error: invalid literal source ${literal}, expected key=value`);
    set(literal.slice(0, equals), Buffer.from(unquoted(literal.slice(equals + 1))));
  }
  return content;
}

const unquoted = (text: string): string => (/^(["']).*\1$/s.test(text) && text.length > 1 ? text.slice(1, -1) : text);

/** KEY=VALUE a line; empty lines and comments do not count. */
function* variables(text: string): Generator<[string, Uint8Array]> {
  for (const line of text.split(/\r?\n/)) {
    const trimmed = line.trimStart();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const equals = trimmed.indexOf("=");
    yield equals < 0 ? [trimmed, new Uint8Array()] : [trimmed.slice(0, equals), Buffer.from(trimmed.slice(equals + 1))];
  }
}

function merged(object: KubeManifestObject, made: KubeManifestObject): KubeManifestObject {
  const both = (one: unknown, other: unknown) => ({ ...(one as object), ...(other as object) });
  const { labels, annotations, ...metadata } = made.metadata as { labels?: object; annotations?: object };
  const { name, namespace } = object.metadata!;
  const old = object.metadata as { labels?: object; annotations?: object };
  const allLabels = both(old.labels, labels);
  const allAnnotations = both(old.annotations, annotations);
  return {
    ...object,
    ...made,
    metadata: {
      ...metadata,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(Object.keys(allLabels).length > 0 ? { labels: allLabels } : {}),
      ...(Object.keys(allAnnotations).length > 0 ? { annotations: allAnnotations } : {}),
    },
    ...(object.data || made.data ? { data: both(object.data, made.data) } : {}),
    ...(object.binaryData || made.binaryData ? { binaryData: both(object.binaryData, made.binaryData) } : {}),
  };
}
