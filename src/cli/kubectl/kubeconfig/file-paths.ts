/** Files that a kubeconfig names lie beside it: relative paths are taken from its folder. */

import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import type { Kubeconfig, KubeconfigEntry, Members, Section } from "./model.ts";

export const PATH_FIELDS: Readonly<Record<Section, readonly string[]>> = {
  clusters: ["certificate-authority"],
  contexts: [],
  users: ["client-certificate", "client-key", "tokenFile"],
};

function mapped(section: Section, value: Members, change: (path: string) => string): Members {
  const changed = PATH_FIELDS[section].flatMap((field) => {
    const path = value[field];
    return typeof path === "string" && path !== "" ? [[field, change(path)]] : [];
  });
  return { ...value, ...Object.fromEntries(changed) };
}

/** Paths as they stand once the file's folder is counted in. */
export function resolvedEntry(section: Section, { value, origin }: KubeconfigEntry): KubeconfigEntry {
  const folder = dirname(resolve(origin));
  return { origin, value: mapped(section, value, (path) => (isAbsolute(path) ? path : join(folder, path))) };
}

/** The config with all paths as they stand for this process. */
export function withResolvedPaths(config: Kubeconfig): Kubeconfig {
  const each = (section: Section) =>
    new Map([...config[section]].map(([name, entry]) => [name, resolvedEntry(section, entry)]));
  return { ...config, clusters: each("clusters"), users: each("users") };
}

/** Paths as they are written into the entry's file: relative to its folder where they lie in it or below. */
export function relativizedEntry(section: Section, { value, origin }: KubeconfigEntry): KubeconfigEntry {
  const folder = dirname(resolve(origin));
  const change = (path: string) => {
    const full = isAbsolute(path) ? path : join(folder, path);
    const short = relative(folder, full);
    return short.startsWith("..") ? full : short === "" ? "." : short;
  };
  return { origin, value: mapped(section, value, change) };
}
