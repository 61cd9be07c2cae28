import { NaruError } from "../lib/errors.ts";
import { isTree, newTree, type Tree } from "./document.ts";
import { listOf } from "./short-forms.ts";

/** The services that the profiles leave; `*` is every profile. Services named in `wanted` are kept whatever their profiles. */
export function enabledServices(services: Tree, profiles: readonly string[], wanted: readonly string[]): Tree {
  const enabled = newTree();
  for (const name in services) {
    const service = services[name]!;
    const own = isTree(service) ? listOf(service.profiles).map(String) : [];
    const isEnabled = own.length === 0 || profiles.includes("*") || own.some((profile) => profiles.includes(profile));
    if (isEnabled || wanted.includes(name)) enabled[name] = service;
  }
  return enabled;
}

/** The services named and all that they depend on. Throws "not-found". */
export function servicesWithDependencies(services: Tree, wanted: readonly string[]): Tree {
  if (wanted.length === 0) return services;
  const chosen = newTree();
  const add = (name: string, isRequired: boolean): void => {
    const service = services[name];
    if (chosen[name] !== undefined) return;
    if (!isTree(service)) {
      if (isRequired) throw new NaruError("not-found", `no such service: ${name}`);
      return;
    }
    chosen[name] = service;
    for (const [next, settings] of Object.entries(isTree(service.depends_on) ? service.depends_on : {})) {
      add(next, !isTree(settings) || settings.required !== false);
    }
  };
  for (const name of wanted) add(name, true);
  return chosen;
}

/** Drops networks, volumes, secrets, configs and models that no service uses, in place. */
export function dropUnused(project: Tree, services: Tree): void {
  const used: Record<string, Set<string>> = {
    networks: new Set(),
    volumes: new Set(),
    secrets: new Set(),
    configs: new Set(),
    models: new Set(),
  };
  for (const service of Object.values(services)) {
    if (!isTree(service)) continue;
    for (const section of ["networks", "models"])
      for (const name of Object.keys(isTree(service[section]) ? service[section] : {})) used[section]!.add(name);
    for (const mount of listOf(service.volumes))
      if (isTree(mount) && mount.type === "volume") used.volumes!.add(String(mount.source));
    const build = isTree(service.build) ? service.build : {};
    for (const item of [...listOf(service.secrets), ...listOf(build.secrets)])
      if (isTree(item)) used.secrets!.add(String(item.source));
    for (const item of listOf(service.configs)) if (isTree(item)) used.configs!.add(String(item.source));
  }
  for (const section in used) {
    const resources = project[section];
    if (isTree(resources))
      project[section] = Object.assign(
        newTree(),
        Object.fromEntries(Object.entries(resources).filter(([name]) => used[section]!.has(name))),
      );
  }
}

/** Drops the default network that no file names, where no service uses it, in place. */
export function dropImpliedNetwork(project: Tree, services: Tree): void {
  const isUsed = Object.values(services).some(
    (service) => isTree(service) && isTree(service.networks) && "default" in service.networks,
  );
  if (!isUsed && isTree(project.networks)) delete project.networks.default;
}
