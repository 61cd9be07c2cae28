import { basename, dirname } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { checkExtensions } from "./automation/check-extensions.ts";
import { checkConsistency, checkContainerNames, checkResources } from "./consistency.ts";
import { isTree, newTree, type Positions, type Tree } from "./document.ts";
import { type DocumentPlaces, placed } from "./error-place.ts";
import type { Lookup } from "./interpolation.ts";
import { loadFiles } from "./load-files.ts";
import { normalizeProject } from "./normalize.ts";
import { resolveProjectPaths } from "./paths.ts";
import { findProject, type ProjectPlace, type Surroundings } from "./project-files.ts";
import { checkProjectName, normalizedName } from "./project-name.ts";
import { dropImpliedNetwork, dropUnused, enabledServices, servicesWithDependencies } from "./service-choice.ts";
import { resolveEnvironments, resolveLabelFiles, resolveOwnVariables } from "./service-files.ts";
import { fillServiceDefaults } from "./short-forms.ts";

/** Which project, and how far it is to be worked out. */
interface ProjectRequest extends ProjectPlace {
  name: string;
  profiles: readonly string[];
  /** Services to keep, with what they depend on; none keeps all. */
  services: readonly string[];
  skips: ReadonlySet<"interpolate" | "normalize" | "paths" | "consistency" | "environment">;
  /** Keeps networks, volumes, secrets and configs that no service uses. */
  keepsUnused?: boolean;
}
/** A project, worked out: its tree has long forms only, and only the services that are enabled. */
export interface ComposeProject {
  name: string;
  folder: string;
  /** The files it was read from, absolute; `-` is standard input. */
  files: readonly string[];
  /** The env files that were named, as they were named. */
  envFiles: readonly string[];
  tree: Tree;
  /** Services that profiles leave out. */
  disabled: Tree;
  /** Services that are enabled, but are neither named nor needed by those named. */
  unchosen: string[];
  variables: ReadonlyMap<string, string>;
  /** Where its parts stand. */
  places: DocumentPlaces;
}

/** Finds, reads, merges, checks and completes a project. Throws NaruError in docker compose's words, with the place of what is wrong. */
export async function loadProject(
  request: ProjectRequest,
  surroundings: Surroundings,
  readInput: () => Promise<string>,
): Promise<ComposeProject> {
  const places: (() => Positions)[] = [];
  try {
    return await readAndComplete(request, surroundings, readInput, places);
  } catch (error) {
    throw placed(error, places);
  }
}

async function readAndComplete(
  request: ProjectRequest,
  surroundings: Surroundings,
  readInput: () => Promise<string>,
  places: (() => Positions)[],
): Promise<ComposeProject> {
  const found = await findProject(request, surroundings);
  const { variables, folder } = found;
  for (const warning of found.warnings) surroundings.warn(warning);
  const unset = new Set<string>();
  const onUnset = (name: string) => {
    if (!unset.has(name))
      surroundings.warn(`The ${JSON.stringify(name)} variable is not set. Defaulting to a blank string.`);
    unset.add(name);
  };
  const lookup: Lookup = (name) => variables.get(name);
  const read = (path: string) => (path === "-" ? readInput() : readText(path));
  const guess = request.name || variables.get("COMPOSE_PROJECT_NAME") || "";
  if (guess !== "") variables.set("COMPOSE_PROJECT_NAME", checkProjectName(guess));
  const isInterpolated = !request.skips.has("interpolate");
  const { fetch } = surroundings;
  const onDocument = (positions: () => Positions, isBeneath: boolean) =>
    void (isBeneath ? places.unshift(positions) : places.push(positions));
  const tree = await loadFiles(found.files, folder, { read, fetch, lookup, isInterpolated, onUnset, onDocument });
  const name =
    guess ||
    checkProjectName(
      typeof tree.name === "string" && tree.name !== "" ? tree.name : normalizedName(basename(found.namingFolder)),
    );
  variables.set("COMPOSE_PROJECT_NAME", name);
  tree.name = name;
  const { files } = found;
  const { envFiles } = request;
  const project = { name, folder, files, envFiles, tree, disabled: newTree(), unchosen: [], variables, places };
  await complete(project, request, lookup, onUnset);
  return project;
}

async function complete(
  project: ComposeProject,
  request: ProjectRequest,
  lookup: Lookup,
  onUnset: (name: string) => void,
): Promise<void> {
  const { tree, name, folder } = project;
  const { skips } = request;
  const services = isTree(tree.services) ? tree.services : newTree();
  for (const service of Object.values(services)) if (isTree(service)) fillServiceDefaults(service);
  checkResources(tree);
  if (!skips.has("paths")) resolveProjectPaths(tree, folder);
  const hasDefault = isTree(tree.networks) && "default" in tree.networks;
  if (!skips.has("normalize")) normalizeProject(tree, name, lookup);
  // Without interpolation only the model is wanted: everything stays that the files say.
  if (skips.has("interpolate")) {
    if (!hasDefault) dropImpliedNetwork(tree, services);
    if (isTree(tree.networks) && Object.keys(tree.networks).length === 0) delete tree.networks;
    return;
  }
  if (Object.keys(services).length === 0) throw new NaruError("invalid", "empty compose file");
  const given =
    request.profiles.length > 0
      ? request.profiles
      : (project.variables.get("COMPOSE_PROFILES") ?? "")
          .split(",")
          .map((each) => each.trim())
          .filter(Boolean);
  const enabled = enabledServices(services, given, request.services);
  for (const key in services) if (!(key in enabled)) project.disabled[key] = services[key]!;
  if (!skips.has("consistency")) {
    checkConsistency(tree, enabled);
    checkExtensions(enabled);
  }
  const chosen = servicesWithDependencies(enabled, request.services);
  tree.services = chosen;
  project.unchosen = Object.keys(enabled).filter((service) => !(service in chosen));
  resolveOwnVariables(chosen, lookup);
  if (!skips.has("environment")) await resolveEnvironments(chosen, lookup, onUnset);
  await resolveLabelFiles(chosen, lookup, onUnset);
  if (!skips.has("consistency")) checkContainerNames(chosen);
  if (!request.keepsUnused) dropUnused(tree, chosen);
  else if (!hasDefault) dropImpliedNetwork(tree, chosen);
}

async function readText(path: string): Promise<string> {
  const file = Bun.file(path);
  const stat = await file.stat().catch(() => undefined);
  if (!stat) throw new NaruError("not-found", `open ${path}: no such file or directory`);
  if (stat.isDirectory())
    throw new NaruError("invalid", `read ${path}: is a directory: name a file in it, not ${dirname(path)}`);
  return await file.text();
}
