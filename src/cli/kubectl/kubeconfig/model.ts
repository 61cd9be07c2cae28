/** A kubeconfig (client-go's v1 Config) as the commands of `config` know it: its fields in order, read from text and printed again. */

import { CliError } from "../../cli-error.ts";
import { yamlText } from "../yaml-text.ts";

export type Members = Record<string, unknown>;

/** A cluster, a user or a context, and the file that it came from (empty for a new one). */
export interface KubeconfigEntry {
  readonly value: Members;
  readonly origin: string;
}
export type Section = "clusters" | "contexts" | "users";
export const SECTIONS = ["clusters", "contexts", "users"] as const;

export interface Kubeconfig {
  readonly preferences: Members;
  readonly clusters: ReadonlyMap<string, KubeconfigEntry>;
  readonly contexts: ReadonlyMap<string, KubeconfigEntry>;
  readonly users: ReadonlyMap<string, KubeconfigEntry>;
  readonly current: string;
  readonly extensions: readonly unknown[];
}

/** What a missing or empty file says. */
export const emptyKubeconfig = (): Kubeconfig => ({
  preferences: {},
  clusters: new Map(),
  contexts: new Map(),
  users: new Map(),
  current: "",
  extensions: [],
});

/** The member of a list's element that holds the entry: `cluster` of `clusters`. */
const singular = (section: Section): string => section.slice(0, -1);

type FieldType = "string" | "bool" | "bytes" | "strings" | "object" | "list";
interface Field {
  readonly type: FieldType;
  /** Written even when it is empty. */
  readonly isAlways?: boolean;
}

/** Fields in the order in which kubectl prints them as JSON. What is not here is dropped when a file is written, as kubectl does. */
export const FIELDS: Readonly<Record<Section, Readonly<Record<string, Field>>>> = {
  clusters: {
    server: { type: "string", isAlways: true },
    "tls-server-name": { type: "string" },
    "insecure-skip-tls-verify": { type: "bool" },
    "certificate-authority": { type: "string" },
    "certificate-authority-data": { type: "bytes" },
    "proxy-url": { type: "string" },
    "disable-compression": { type: "bool" },
    extensions: { type: "list" },
  },
  contexts: {
    cluster: { type: "string", isAlways: true },
    user: { type: "string", isAlways: true },
    namespace: { type: "string" },
    extensions: { type: "list" },
  },
  users: {
    "client-certificate": { type: "string" },
    "client-certificate-data": { type: "bytes" },
    "client-key": { type: "string" },
    "client-key-data": { type: "bytes" },
    token: { type: "string" },
    tokenFile: { type: "string" },
    as: { type: "string" },
    "as-uid": { type: "string" },
    "as-groups": { type: "strings" },
    "as-user-extra": { type: "object" },
    username: { type: "string" },
    password: { type: "string" },
    "auth-provider": { type: "object" },
    exec: { type: "object" },
    extensions: { type: "list" },
  },
};
const EXEC_FIELDS = [
  "command",
  "args",
  "env",
  "apiVersion",
  "installHint",
  "provideClusterInfo",
  "interactiveMode",
] as const;

/** @param path for messages, and the origin of what is read @throws CliError when the text is no kubeconfig */
export function parseKubeconfig(text: string, path: string): Kubeconfig {
  const refuse = (why: string) => new CliError(`error: error loading config file ${JSON.stringify(path)}: ${why}`);
  let value: unknown;
  try {
    value = Bun.YAML.parse(text);
  } catch (error) {
    throw refuse(`yaml: ${(error as Error).message}`);
  }
  if (value === null || value === undefined) return emptyKubeconfig();
  if (!isMembers(value)) throw refuse("couldn't get version/kind; it is no mapping");
  const { kind = "Config", apiVersion = "v1" } = value;
  if (kind !== "Config" || apiVersion !== "v1") {
    throw refuse(`no kind "${kind}" is registered for version "${apiVersion}" of kubeconfig files`);
  }
  const section = (name: Section) => readSection(name, value[name], path, refuse);
  return {
    preferences: isMembers(value.preferences) ? readPreferences(value.preferences) : {},
    clusters: section("clusters"),
    contexts: section("contexts"),
    users: section("users"),
    current: String(value["current-context"] ?? ""),
    extensions: Array.isArray(value.extensions) ? value.extensions : [],
  };
}

type Refuse = (why: string) => CliError;

function readSection(section: Section, list: unknown, origin: string, refuse: Refuse): Map<string, KubeconfigEntry> {
  const entries = new Map<string, KubeconfigEntry>();
  if (list === null || list === undefined) return entries;
  if (!Array.isArray(list)) {
    throw refuse(`json: cannot unmarshal ${kindOf(list)} into Go struct field Config.${section}, a list`);
  }
  for (const element of list) {
    if (!isMembers(element)) throw refuse(`json: cannot unmarshal ${kindOf(element)} into an element of ${section}`);
    const name = String(element.name ?? "");
    // The first of a name counts; kubectl drops the others.
    if (entries.has(name)) continue;
    const value = element[singular(section)];
    entries.set(name, { value: isMembers(value) ? readEntry(section, value, refuse) : {}, origin });
  }
  return entries;
}

function readEntry(section: Section, value: Members, refuse: Refuse): Members {
  const known = Object.entries(FIELDS[section]).flatMap(([name, { type }]) => {
    const member = value[name];
    if (member === undefined || member === null) return [];
    if (!hasType(member, type)) {
      throw refuse(`json: cannot unmarshal ${kindOf(member)} into Go struct field ${section}.${name} of type ${type}`);
    }
    return [[name, name === "exec" ? readExec(member as Members) : member]];
  });
  return Object.fromEntries(known);
}

function readExec(exec: Members): Members {
  const isOlder = /\/v1(?:alpha|beta)1$/.test(String(exec.apiVersion ?? ""));
  const defaults: Members = {
    args: null,
    command: "",
    env: null,
    provideClusterInfo: false,
    ...(isOlder ? { interactiveMode: "IfAvailable" } : {}),
  };
  return Object.fromEntries(
    EXEC_FIELDS.flatMap((name) => {
      const value = exec[name] ?? defaults[name];
      return value === undefined || value === "" ? (name === "command" ? [[name, ""]] : []) : [[name, value]];
    }),
  );
}

function readPreferences({ colors, extensions }: Members): Members {
  return { ...(colors === true ? { colors } : {}), ...(Array.isArray(extensions) ? { extensions } : {}) };
}

/** True for objects of JSON, not for lists. */
export const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function hasType(value: unknown, type: FieldType): boolean {
  if (type === "bool") return typeof value === "boolean";
  if (type === "string" || type === "bytes") return typeof value === "string";
  return type === "object" ? isMembers(value) : Array.isArray(value);
}

const kindOf = (value: unknown): string =>
  Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;

/** The file's own form, with members in the order of kubectl's JSON and empty ones left out. */
export function kubeconfigObject(config: Kubeconfig): Members {
  return {
    kind: "Config",
    apiVersion: "v1",
    ...(Object.keys(config.preferences).length === 0 ? {} : { preferences: config.preferences }),
    clusters: sectionList("clusters", config.clusters),
    users: sectionList("users", config.users),
    contexts: sectionList("contexts", config.contexts),
    "current-context": config.current,
    ...(config.extensions.length === 0 ? {} : { extensions: config.extensions }),
  };
}

function sectionList(section: Section, entries: ReadonlyMap<string, KubeconfigEntry>): Members[] | null {
  if (entries.size === 0) return null;
  const names = [...entries.keys()].sort();
  return names.map((name) => ({ name, [singular(section)]: writtenEntry(section, entries.get(name)!.value) }));
}

function writtenEntry(section: Section, value: Members): Members {
  return Object.fromEntries(
    Object.entries(FIELDS[section]).flatMap(([name, { isAlways, type }]) => {
      const member = value[name] ?? (type === "string" ? "" : undefined);
      return isAlways || !isEmpty(member) ? [[name, member]] : [];
    }),
  );
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === "" || value === false || (Array.isArray(value) && value.length === 0);

/** Members in the order of their names, as kubectl writes files. */
export const kubeconfigText = (config: Kubeconfig): string => yamlText(ordered(kubeconfigObject(config)));

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (!isMembers(value)) return value;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, ordered(member)]));
}

/** The config with one entry set, or taken away (undefined). */
export function withEntry(
  config: Kubeconfig,
  section: Section,
  name: string,
  entry: KubeconfigEntry | undefined,
): Kubeconfig {
  const entries = new Map(config[section]);
  if (entry === undefined) entries.delete(name);
  else entries.set(name, entry);
  return { ...config, [section]: entries };
}
