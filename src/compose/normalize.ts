import { isTree, newTree, type Tree } from "./document.ts";
import type { Lookup } from "./interpolation.ts";
import { listOf, mappingOf, treeOf } from "./short-forms.ts";

/** Adds what a project implies: the default network, full names, dependencies by links and shared namespaces. In place. */
export function normalizeProject(project: Tree, name: string, lookup: Lookup): void {
  const networks: Tree = Object.assign(newTree(), project.networks);
  networks.default ??= null;
  project.networks = networks;
  for (const service of Object.values(isTree(project.services) ? project.services : {}))
    if (isTree(service)) normalizeService(service, lookup);
  for (const section of ["networks", "volumes", "configs", "secrets"]) {
    const resources = project[section];
    if (!isTree(resources)) continue;
    for (const key in resources) {
      const resource: Tree = Object.assign(newTree(), resources[key]);
      resource.name ??= resource.external === true || resource.external === "true" ? key : `${name}_${key}`;
      resources[key] = resource;
    }
  }
}

function normalizeService(service: Tree, lookup: Lookup): void {
  if (service.network_mode === undefined && service.provider === undefined) {
    if (!isTree(service.networks) || Object.keys(service.networks).length === 0)
      service.networks = treeOf([["default", null]]);
  }
  if (service.pull_policy === "if_not_present") service.pull_policy = "missing";
  const { build } = service;
  if (isTree(build)) {
    build.context ??= ".";
    if (build.dockerfile === undefined && build.dockerfile_inline === undefined) build.dockerfile = "Dockerfile";
    if (build.args !== undefined) {
      const args = treeOf(
        Object.entries(mappingOf(build.args)).map(([key, value]) => [key, value ?? lookup(key) ?? null] as const),
      );
      for (const key in args) if (args[key] === null) delete args[key];
      build.args = args;
    }
  }
  addDependencies(service);
}

function addDependencies(service: Tree): void {
  const found: [name: string, isRestarted: boolean][] = [];
  for (const link of listOf(service.links)) found.push([String(link).split(":")[0]!, true]);
  for (const key of ["network_mode", "ipc", "pid", "uts", "cgroup"]) {
    const mode = service[key];
    if (typeof mode === "string" && mode.startsWith("service:")) found.push([mode.slice("service:".length), true]);
  }
  for (const from of listOf(service.volumes_from))
    if (!String(from).startsWith("container:")) found.push([String(from).split(":")[0]!, false]);
  if (found.length === 0) return;
  const dependencies: Tree = Object.assign(newTree(), service.depends_on);
  for (const [name, isRestarted] of found) {
    dependencies[name] ??= treeOf([
      ["condition", "service_started"],
      ...(isRestarted ? [["restart", true] as const] : []),
      ["required", true],
    ]);
  }
  service.depends_on = dependencies;
}
