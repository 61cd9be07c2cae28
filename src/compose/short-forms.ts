import { NaruError } from "../lib/errors.ts";
import { isTree, newTree, type Tree, type Value } from "./document.ts";
import { PathError } from "./error-place.ts";
import { portsOf } from "./ports.ts";
import { mountOf } from "./volumes.ts";

/** A tree of some entries. */
export function treeOf(entries: Iterable<readonly [string, Value]>): Tree {
  const tree = newTree();
  for (const [key, value] of entries) tree[key] = value;
  return tree;
}
export const listOf = (value: Value | undefined): Value[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];

/** A list of `key=value` as a map; a key without `=` has the value null. Maps are returned as they are. */
export function mappingOf(value: Value | undefined, separators = ["="]): Tree {
  if (isTree(value)) return value;
  return treeOf(
    listOf(value).map((item) => {
      const words = String(item);
      const at = Math.min(...separators.map((each) => words.indexOf(each)).filter((each) => each >= 0));
      return at === Infinity ? [words, null] : [words.slice(0, at), words.slice(at + 1)];
    }),
  );
}

const strings = (value: Value) => (Array.isArray(value) ? value : [value]);
const nullMap = (value: Value) => (Array.isArray(value) ? treeOf(value.map((name) => [String(name), null])) : value);
const reference = (value: Value) => listOf(value).map((item) => (isTree(item) ? item : treeOf([["source", item]])));

type Expand = (value: Value) => Value;

/** Where variables are left as they are, a short form with one in it may say nothing yet: it stays too. */
function attempt(work: Expand, value: Value, hasVariables: boolean): Value {
  try {
    return work(value);
  } catch (error) {
    if (!hasVariables || !(error instanceof NaruError)) throw error;
    return value;
  }
}

/** What each short form of a service's key becomes. Throws "invalid", unless variables are left as they are. */
const SERVICE_FORMS: Readonly<Record<string, (value: Value, hasVariables: boolean) => Value>> = {
  build: (value) => buildForm(typeof value === "string" ? treeOf([["context", value]]) : value),
  configs: reference,
  depends_on: dependencies,
  devices: (value, hasVariables) => listOf(value).map((item) => attempt(deviceForm, item, hasVariables)),
  dns: strings,
  dns_search: strings,
  env_file: (value) =>
    listOf(value).map((item) => withDefault(isTree(item) ? item : treeOf([["path", item]]), "required", true)),
  extends: (value) => (typeof value === "string" ? treeOf([["service", value]]) : value),
  gpus: (value) => (value === "all" ? [treeOf([["count", "all"]])] : value),
  label_file: strings,
  models: nullMap,
  networks: nullMap,
  ports: (value, hasVariables) => attempt(portForms, value, hasVariables),
  secrets: reference,
  volumes: (value, hasVariables) => listOf(value).map((item) => attempt(mountForm, item, hasVariables)),
  develop: (value) => {
    for (const rule of isTree(value) ? listOf(value.watch) : []) {
      if (!isTree(rule)) continue;
      for (const key of ["ignore", "include"]) if (rule[key] !== undefined) rule[key] = strings(rule[key]!);
    }
    return value;
  },
};

const portForms = (value: Value) => listOf(value).flatMap((item) => (isTree(item) ? [item] : portsOf(String(item))));
const mountForm = (item: Value) => (isTree(item) ? item : mountOf(String(item)));

function atPath(path: string, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    throw error instanceof NaruError ? new PathError(error, path) : error;
  }
}

/** Brings a service to its long forms, in place. */
function expandService(service: Tree, path: string, hasVariables: boolean): Tree {
  for (const key in service) {
    const form = SERVICE_FORMS[key];
    if (form && service[key] !== null) service[key] = atPath(`${path}.${key}`, () => form(service[key]!, hasVariables));
  }
  return service;
}

/**
 * Brings every service of a file to its long forms, and old ways to name what is outside (`external: {name}`), in place. With
 * `hasVariables` what is no short form yet is left as it is.
 */
export function expandFile(file: Tree, hasVariables: boolean): Tree {
  for (const [name, service] of Object.entries(isTree(file.services) ? file.services : {}))
    if (isTree(service)) expandService(service, `services.${name}`, hasVariables);
  for (const section of ["networks", "volumes", "secrets", "configs"]) {
    const resources = file[section];
    for (const resource of Object.values(isTree(resources) ? resources : {})) {
      if (!isTree(resource) || !isTree(resource.external)) continue;
      resource.name ??= resource.external.name ?? null;
      resource.external = true;
    }
  }
  return file;
}

/** Fills what the long forms leave open, in place: after all files are merged. */
export function fillServiceDefaults(service: Tree): void {
  for (const port of listOf(service.ports))
    if (isTree(port)) withDefault(withDefault(port, "mode", "ingress"), "protocol", "tcp");
  for (const mount of listOf(service.volumes))
    if (isTree(mount) && isTree(mount.bind)) withDefault(mount.bind, "create_host_path", true);
  for (const secret of listOf(service.secrets))
    if (isTree(secret)) withDefault(secret, "target", `/run/secrets/${secret.source}`);
  for (const request of listOf(service.gpus))
    if (isTree(request) && !request.device_ids) withDefault(request, "count", "all");
  const resources =
    isTree(service.deploy) && isTree(service.deploy.resources) ? service.deploy.resources.reservations : undefined;
  for (const request of isTree(resources) ? listOf(resources.devices) : []) {
    if (isTree(request) && !request.device_ids) withDefault(request, "count", "all");
  }
}

function withDefault(tree: Tree, key: string, value: Value): Tree {
  tree[key] ??= value;
  return tree;
}

function buildForm(build: Value): Value {
  if (!isTree(build)) return build;
  if (build.ssh !== undefined) build.ssh = mappingOf(build.ssh);
  if (build.additional_contexts !== undefined) build.additional_contexts = mappingOf(build.additional_contexts);
  if (build.secrets !== undefined) build.secrets = reference(build.secrets);
  for (const key of ["provenance", "sbom"]) if (build[key] !== undefined) build[key] = String(build[key]);
  return build;
}

function dependencies(value: Value): Value {
  if (!isTree(value))
    return treeOf(
      listOf(value).map((name) => [
        String(name),
        treeOf([
          ["condition", "service_started"],
          ["required", true],
        ]),
      ]),
    );
  for (const dependency of Object.values(value)) if (isTree(dependency)) withDefault(dependency, "required", true);
  return value;
}

function deviceForm(item: Value): Value {
  if (isTree(item)) return item;
  const [source = "", target = source, permissions = "rwm", ...rest] = String(item).split(":");
  if (rest.length > 0) throw new NaruError("invalid", `confusing device mapping, please use long syntax: ${item}`);
  return treeOf([
    ["source", source],
    ["target", target],
    ["permissions", permissions],
  ]);
}
