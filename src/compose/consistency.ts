import { NaruError } from "../lib/errors.ts";
import { byteSize } from "./byte-size.ts";
import { isTree, type Tree } from "./document.ts";
import { listOf } from "./short-forms.ts";

const invalid = (words: string) => new NaruError("invalid", words);
const inconsistent = (words: string) => invalid(`${words}: invalid compose project`);
const isExternal = (resource: Tree) => resource.external === true || resource.external === "true";

/** Checks each resource for itself: what is external has no settings, what is a file says where its content is. Throws "invalid". */
export function checkResources(project: Tree): void {
  for (const section of ["volumes", "networks", "secrets", "configs"]) {
    for (const [name, resource] of Object.entries(isTree(project[section]) ? project[section] : {})) {
      if (!isTree(resource)) continue;
      if (isExternal(resource)) {
        const other = Object.keys(resource).find((key) => !["name", "external"].includes(key) && !key.startsWith("x-"));
        if (other !== undefined)
          throw invalid(`${section}.${name}: conflicting parameters "external" and "${other}" specified`);
      } else if (section === "secrets" || section === "configs") checkSource(section, name, resource);
    }
  }
}

function checkSource(section: string, name: string, resource: Tree): void {
  const sources = section === "secrets" ? ["file", "environment"] : ["file", "environment", "content"];
  const given = sources.filter((key) => resource[key] !== undefined);
  if (given.length === 0 && resource.driver === undefined)
    throw invalid(`${section}.${name}: one of ${sources.join("|")} must be set`);
  if (given.length > 1) throw invalid(`${section}.${name}: ${sources.join("|")} attributes are mutually exclusive`);
}

/** Checks that services name only what is there, in docker compose's words. Throws "invalid". */
export function checkConsistency(project: Tree, services: Tree): void {
  for (const [name, service] of Object.entries(services)) {
    if (!isTree(service)) continue;
    if (service.image === undefined && service.build === undefined && service.provider === undefined) {
      throw inconsistent(`service "${name}" has neither an image nor a build context specified`);
    }
    if (service.network_mode !== undefined && isTree(service.networks) && Object.keys(service.networks).length > 0) {
      throw inconsistent(`service ${name} declares mutually exclusive \`network_mode\` and \`networks\``);
    }
    checkReferences(project, name, service);
    for (const [dependency, settings] of Object.entries(isTree(service.depends_on) ? service.depends_on : {})) {
      const isRequired = !isTree(settings) || settings.required !== false;
      if (!isTree(services[dependency]) && isRequired)
        throw inconsistent(`service "${name}" depends on undefined service "${dependency}"`);
    }
    checkAgreement(name, service);
  }
  checkCycles(services);
}

function checkReferences(project: Tree, name: string, service: Tree): void {
  const has = (section: string, key: string) => isTree(project[section]) && Object.hasOwn(project[section], key);
  for (const network of Object.keys(isTree(service.networks) ? service.networks : {})) {
    if (!has("networks", network)) throw inconsistent(`service "${name}" refers to undefined network ${network}`);
  }
  for (const mount of listOf(service.volumes)) {
    if (isTree(mount) && mount.type === "volume" && mount.source && !has("volumes", String(mount.source))) {
      throw inconsistent(`service "${name}" refers to undefined volume ${mount.source}`);
    }
  }
  const references = [
    ["build secret", "secrets", isTree(service.build) ? service.build.secrets : undefined],
    ["config", "configs", service.configs],
    ["secret", "secrets", service.secrets],
  ] as const;
  for (const [word, section, items] of references) {
    for (const item of listOf(items)) {
      if (isTree(item) && !has(section, String(item.source)))
        throw inconsistent(`service "${name}" refers to undefined ${word} ${item.source}`);
    }
  }
  for (const model of Object.keys(isTree(service.models) ? service.models : {})) {
    if (!has("models", model)) throw inconsistent(`service "${name}" refers to undefined model ${model}`);
  }
}

/** Two ways to say one thing must say the same. */
function checkAgreement(name: string, service: Tree): void {
  const deploy = isTree(service.deploy) ? service.deploy : {};
  const resources = isTree(deploy.resources) ? deploy.resources : {};
  const limits = isTree(resources.limits) ? resources.limits : {};
  const reservations = isTree(resources.reservations) ? resources.reservations : {};
  const pairs = [
    ["scale", "deploy.replicas", deploy.replicas],
    ["cpus", "deploy.resources.limits.cpus", limits.cpus],
    ["mem_limit", "deploy.resources.limits.memory", limits.memory],
    ["mem_reservation", "deploy.resources.reservations.memory", reservations.memory],
    ["pids_limit", "deploy.resources.limits.pids", limits.pids],
  ] as const;
  for (const [key, path, other] of pairs) {
    const own = service[key];
    if (own === undefined || other === undefined) continue;
    const amount = (value: unknown) => (key.startsWith("mem") ? byteSize(String(value)) : Number(value));
    if (amount(own) !== amount(other))
      throw inconsistent(`services.${name}: can't set distinct values on '${key}' and '${path}'`);
  }
  const scale = Number(service.scale ?? deploy.replicas ?? 1);
  if (service.container_name !== undefined && scale > 1) {
    throw inconsistent(
      `services.${name}: can't set container_name and scale ${scale}: a container's name must be unique`,
    );
  }
}

function checkCycles(services: Tree): void {
  const done = new Set<string>();
  const visit = (name: string, trail: string[]): void => {
    if (trail.includes(name))
      throw invalid(`dependency cycle detected: ${[...trail.slice(trail.indexOf(name)), name].join(" -> ")}`);
    const service = services[name];
    if (done.has(name) || !isTree(service)) return;
    for (const next of Object.keys(isTree(service.depends_on) ? service.depends_on : {}).sort())
      visit(next, [...trail, name]);
    done.add(name);
  };
  for (const name of Object.keys(services).sort()) visit(name, []);
}

/** No two services may ask for one container name. Throws "invalid". */
export function checkContainerNames(services: Tree): void {
  const owners = new Map<string, string>();
  for (const name of Object.keys(services).sort()) {
    const service = services[name];
    const container = isTree(service) ? service.container_name : undefined;
    if (typeof container !== "string") continue;
    const owner = owners.get(container);
    if (owner !== undefined)
      throw invalid(`services.${name}: container name "${container}" is already in use by service "${owner}"`);
    owners.set(container, name);
  }
}
