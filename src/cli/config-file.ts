import { join } from "node:path";
import { CliError } from "./cli-error.ts";
import { fileSystem, isAbsent } from "./file-system.ts";

/** What naru reads of docker's client configuration (`config.json`); other entries are kept untouched by writers. */
export interface ConfigFile {
  auths?: Record<string, { auth?: string; username?: string; password?: string; identitytoken?: string }>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
  HttpHeaders?: Record<string, string>;
  currentContext?: string;
  detachKeys?: string;
  psFormat?: string;
  imagesFormat?: string;
  networksFormat?: string;
  volumesFormat?: string;
  statsFormat?: string;
  proxies?: Record<string, ProxyConfig>;
  /** Folders of plugins that are looked into first. */
  cliPluginsExtraDirs?: string[];
}

/** The proxies that new containers get in their environment. */
export interface ProxyConfig {
  httpProxy?: string;
  httpsProxy?: string;
  noProxy?: string;
  ftpProxy?: string;
  allProxy?: string;
}

/** The folder of the configuration: `DOCKER_CONFIG`, else `.docker` in the home folder. */
export function defaultConfigDir(): string {
  return process.env.DOCKER_CONFIG || join(process.env.HOME || homeOfUser(), ".docker");
}

/** The home folder that the system knows. Loaded only here: node:os costs every command a part of a millisecond. */
function homeOfUser(): string {
  return (require("node:os") as typeof import("node:os")).homedir();
}

/**
 * Reads `config.json` of that folder; an absent or empty file is an empty configuration. The read is a synchronous
 * one: a client has nothing else to do meanwhile, and the asynchronous one starts threads, which takes longer than
 * reading. Throws CliError for a file that cannot be read or does not hold what it should.
 */
export async function readConfigFile(configDir: string): Promise<ConfigFile> {
  const path = join(configDir, "config.json");
  if (isAbsent(path) || isAbsent(configDir)) return {};
  let text: string;
  try {
    text = fileSystem().readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT") return {};
    const { fileErrorText } = await import("./file-error.ts");
    // Go opens a folder as it opens a file, and fails when it reads.
    if (code === "EISDIR")
      throw new CliError(`Error parsing config file (${path}): ${fileErrorText("read", path, error)}`);
    throw new CliError(`Error loading config file: ${fileErrorText("open", path, error)}`);
  }
  try {
    return text.trim() === "" ? {} : checkedConfig(JSON.parse(text) ?? {});
  } catch (error) {
    throw new CliError(`Error parsing config file (${path}): ${(error as Error).message}`);
  }
}

/** As `readConfigFile`; a file that cannot be used is told by `warn` and left aside, as docker does. */
export async function readUsableConfig(configDir: string, warn: (line: string) => void): Promise<ConfigFile> {
  try {
    return await readConfigFile(configDir);
  } catch (error) {
    warn(`WARNING: ${(error as Error).message}\n`);
    return {};
  }
}

const TEXTS = [
  "credsStore",
  "currentContext",
  "detachKeys",
  "psFormat",
  "imagesFormat",
  "networksFormat",
  "volumesFormat",
  "statsFormat",
];
const OBJECTS = ["auths", "credHelpers", "HttpHeaders", "proxies"];

/** Throws an Error that names the first entry of another type than we use it as. */
function checkedConfig(found: Record<string, unknown>): ConfigFile {
  if (!isObject(found)) throw new Error("it holds no object");
  for (const name of TEXTS) {
    if (typeof (found[name] ?? "") !== "string") throw new Error(`${name} must be a text`);
  }
  for (const name of OBJECTS) {
    if (!isObject(found[name] ?? {})) throw new Error(`${name} must be an object`);
  }
  return found;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
