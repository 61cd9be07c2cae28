import { NaruError } from "../lib/errors.ts";
import { isTree, joinPath, newTree, type Tree, type Value } from "./document.ts";
import { listOf, mappingOf } from "./short-forms.ts";

type Rule = "replace" | "mapping" | "list" | "logging" | "hosts";

/** How keys merge that are neither plain maps nor plain values, by their path; `*` stands for any name. */
const RULES: Readonly<Record<string, Rule>> = {
  "services.*.command": "replace",
  "services.*.entrypoint": "replace",
  "services.*.healthcheck.test": "replace",
  "services.*.extends": "replace",
  "services.*.logging": "logging",
  "services.*.annotations": "mapping",
  "services.*.environment": "mapping",
  "services.*.labels": "mapping",
  "services.*.sysctls": "mapping",
  "services.*.deploy.labels": "mapping",
  "services.*.build.args": "mapping",
  "services.*.build.labels": "mapping",
  "services.*.build.extra_hosts": "hosts",
  "services.*.extra_hosts": "hosts",
  "services.*.tmpfs": "list",
  "networks.*.labels": "mapping",
  "volumes.*.labels": "mapping",
  "secrets.*.labels": "mapping",
  "configs.*.labels": "mapping",
};

const text = (value: Value | undefined) => (value === undefined || value === null ? "" : String(value));

/** What makes two items of a list the same: the later one takes the earlier one's place. */
const SAME: Readonly<Record<string, (item: Value) => string>> = {
  "services.*.ports": (item) =>
    isTree(item)
      ? `${text(item.host_ip) || "0.0.0.0"}:${text(item.published)}:${text(item.target)}/${text(item.protocol) || "tcp"}`
      : text(item),
  "services.*.volumes": (item) => (isTree(item) ? text(item.target) : text(item)),
  "services.*.devices": (item) => (isTree(item) ? text(item.target) : text(item)),
  "services.*.env_file": (item) => (isTree(item) ? text(item.path) : text(item)),
  "services.*.configs": (item) => (isTree(item) ? text(item.target) || `/${text(item.source)}` : text(item)),
  "services.*.secrets": (item) =>
    isTree(item) ? text(item.target) || `/run/secrets/${text(item.source)}` : text(item),
  "services.*.build.secrets": (item) =>
    isTree(item) ? text(item.target) || `/run/secrets/${text(item.source)}` : text(item),
  "networks.*.ipam.config": (item) => (isTree(item) ? text(item.subnet) : text(item)),
};
for (const key of [
  "cap_add",
  "cap_drop",
  "dns",
  "dns_opt",
  "dns_search",
  "expose",
  "external_links",
  "group_add",
  "links",
  "profiles",
  "security_opt",
  "tmpfs",
  "volumes_from",
  "build.tags",
  "build.platforms",
  "build.cache_from",
  "label_file",
  "device_cgroup_rules",
]) {
  (SAME as Record<string, (item: Value) => string>)[`services.*.${key}`] = text;
}

/** The pattern that rules are kept under: the second part of a path is a name. */
function patternOf(path: string): string {
  const parts = path.split(".");
  if (parts.length > 1) parts[1] = "*";
  return parts.join(".");
}

/** Lays a later file over an earlier one. Both have long forms; the result shares parts with them. Throws "invalid". */
export function mergeTrees(base: Tree, over: Tree, path = ""): Tree {
  const merged: Tree = Object.assign(newTree(), base);
  for (const key in over)
    merged[key] =
      key in base && !key.startsWith("x-") ? mergeValues(base[key]!, over[key]!, joinPath(path, key)) : over[key]!;
  return merged;
}

function mergeValues(base: Value, over: Value, path: string): Value {
  const rule = RULES[patternOf(path)];
  if (over === null && rule === undefined) return base;
  if (base === null || rule === "replace") return over;
  if (rule === "mapping") return mergeTrees(mappingOf(base), mappingOf(over), path);
  if (rule === "list") return [...listOf(base), ...listOf(over)];
  if (rule === "hosts") return [...hostLines(base), ...hostLines(over)];
  if (rule === "logging" && isTree(base) && isTree(over) && base.driver && over.driver && base.driver !== over.driver)
    return over;
  if (/^services\.[^.]+\.ulimits\.[^.]+$/.test(path) && !(isTree(base) && isTree(over))) return over;
  if (isTree(base)) {
    if (!isTree(over))
      throw new NaruError("invalid", `cannot override ${path}: a map is given in one file, something else in another`);
    return mergeTrees(base, over, path);
  }
  if (Array.isArray(base)) {
    if (!Array.isArray(over))
      throw new NaruError("invalid", `cannot override ${path}: a list is given in one file, something else in another`);
    return [...base, ...over];
  }
  return over;
}

function hostLines(value: Value): Value[] {
  if (!isTree(value)) return listOf(value);
  return Object.entries(value).flatMap(([host, addresses]) => listOf(addresses).map((address) => `${host}=${address}`));
}

/** Drops items of lists that a later item replaces (ports, mounts by target, …), in place. */
export function dropRepeated(service: Tree, name: string, prefix = `services.${name}`): void {
  for (const key in service) {
    const value = service[key]!;
    const path = joinPath(prefix, key);
    const same = SAME[patternOf(path)];
    if (Array.isArray(value) && same) service[key] = [...new Map(value.map((item) => [same(item), item])).values()];
    else if (isTree(value) && key === "build") dropRepeated(value, name, path);
  }
}

/** Takes away what `!reset` and `!override` of a later file name, so that its own value stands alone. In place. */
export function removePaths(tree: Tree, paths: Iterable<string>): void {
  for (const path of paths) removePath(tree, path);
}

function removePath(tree: Tree, path: string): void {
  // Names may hold dots: at each step the longest key that fits is taken.
  for (const key of Object.keys(tree)) {
    if (key === path) delete tree[key];
    else if (path.startsWith(`${key}.`) && isTree(tree[key])) removePath(tree[key], path.slice(key.length + 1));
  }
}
