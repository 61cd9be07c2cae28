import { dirname, isAbsolute, join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { parseEnvFile } from "./env-file.ts";
import { isRemoteFile } from "./remote-address.ts";

/** What the command line says about where a project is. */
export interface ProjectPlace {
  files: readonly string[];
  projectDirectory: string;
  envFiles: readonly string[];
  /** Without env files, no `.env` either. */
  ignoresDotEnv?: boolean;
}
export interface Surroundings {
  cwd: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** Hears of what a user should know but that stops nothing. */
  warn(text: string): void;
  /** Brings a file here that lies elsewhere (isRemoteFile). Resolves to its path. Throws saying why it cannot. */
  fetch(address: string): Promise<string>;
}
interface FoundFiles {
  /** Absolute, but `-` for standard input. */
  files: string[];
  folder: string;
  /** The folder that gives the project its name: of a project that was fetched, the one where it is used. */
  namingFolder: string;
  variables: Map<string, string>;
  warnings: string[];
}

/** The usual names of a project's file. */
export const COMPOSE_FILE_NAMES = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES = [
  "compose.override.yml",
  "compose.override.yaml",
  "docker-compose.override.yml",
  "docker-compose.override.yaml",
];
const exists = (path: string) => Bun.file(path).exists();

/**
 * Finds a project's files, folder and variables: `-f`, else COMPOSE_FILE, else the usual names here and in the folders above, with
 * the override beside them. Throws "not-found" in docker compose's words.
 */
export async function findProject(place: ProjectPlace, surroundings: Surroundings): Promise<FoundFiles> {
  const { cwd } = surroundings;
  const start = place.projectDirectory === "" ? cwd : absolute(cwd, place.projectDirectory);
  const firstFolder =
    place.projectDirectory === "" && place.files[0] !== undefined && isHere(place.files[0])
      ? dirname(absolute(cwd, place.files[0]))
      : start;
  const variables = new Map(
    Object.entries(surroundings.environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  await readEnvFiles(variables, place, cwd, firstFolder);
  const given = place.files.length > 0 ? place.files : filesOfVariable(variables);
  if (given.length > 0) {
    const base = place.files.length > 0 ? cwd : start;
    const files: string[] = [];
    // One after the other: where one cannot be fetched, nothing half-fetched is left of others.
    for (const path of given) {
      if (isRemoteFile(path)) files.push(await surroundings.fetch(path));
      else files.push(path === "-" ? path : absolute(base, path));
    }
    const folder = place.projectDirectory !== "" || files[0] === "-" ? start : dirname(files[0]!);
    return { files, folder, namingFolder: isHere(given[0]!) ? folder : start, variables, warnings: [] };
  }
  const found = await searchUpwards(start);
  const folder = place.projectDirectory === "" ? found.folder : start;
  if (folder !== firstFolder) await readEnvFiles(variables, place, cwd, folder);
  return { ...found, folder, namingFolder: folder, variables };
}

const isHere = (path: string) => path !== "-" && !isRemoteFile(path);

/** An address is full of the usual separator: there COMPOSE_PATH_SEPARATOR has to name another one, else it is one address. */
function filesOfVariable(variables: ReadonlyMap<string, string>): string[] {
  const text = variables.get("COMPOSE_FILE") ?? "";
  const separator = variables.get("COMPOSE_PATH_SEPARATOR");
  if (!separator && isRemoteFile(text)) return [text];
  return text.split(separator || ":").filter((path) => path !== "");
}

const absolute = (folder: string, path: string) => (isAbsolute(path) ? path : join(folder, path));

async function searchUpwards(start: string): Promise<Omit<FoundFiles, "variables" | "namingFolder">> {
  for (let folder = start; ; folder = dirname(folder)) {
    const present = await presentOf(COMPOSE_FILE_NAMES, folder);
    if (present.length === 0) {
      if (dirname(folder) === folder) throw new NaruError("not-found", "no configuration file provided: not found");
      continue;
    }
    const overrides = await presentOf(OVERRIDES, folder);
    const warnings = [present, overrides]
      .filter((each) => each.length > 1)
      .flatMap((each) => [`Found multiple config files with supported names: ${each.join(", ")}`, `Using ${each[0]}`]);
    return { files: [present[0]!, ...overrides.slice(0, 1)], folder, warnings };
  }
}

async function presentOf(names: readonly string[], folder: string): Promise<string[]> {
  const paths = names.map((name) => join(folder, name));
  const present = await Promise.all(paths.map(exists));
  return paths.filter((_, index) => present[index]);
}

/** Adds the variables of env files that the surroundings do not set; later files win over earlier ones. */
async function readEnvFiles(
  variables: Map<string, string>,
  { envFiles: named, ignoresDotEnv }: ProjectPlace,
  cwd: string,
  folder: string,
): Promise<void> {
  const fromFiles = new Map<string, string>();
  const lookup = (name: string) => variables.get(name) ?? fromFiles.get(name);
  const usual = ignoresDotEnv ? [] : [join(folder, ".env")];
  const paths = named.length > 0 ? named.map((path) => absolute(cwd, path)) : usual;
  for (const path of paths) {
    if (!(await exists(path))) {
      if (named.length > 0) throw new NaruError("not-found", `couldn't find env file: ${path}`);
      continue;
    }
    const values = parseEnvFile(await Bun.file(path).text(), path, lookup, () => {});
    for (const [key, value] of values) if (value !== null) fromFiles.set(key, value);
  }
  for (const [key, value] of fromFiles) if (!variables.has(key)) variables.set(key, value);
}
