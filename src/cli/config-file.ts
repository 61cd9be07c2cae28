import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CliError } from "./cli-error.ts";

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
 * Reads `config.json` of that folder; an absent file is an empty configuration. The read is a synchronous one: a
 * client has nothing else to do meanwhile, and the asynchronous one starts threads, which takes longer than reading.
 */
export async function readConfigFile(configDir: string): Promise<ConfigFile> {
  const path = join(configDir, "config.json");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return {};
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(`Failed to read the configuration file ${path}: ${(error as Error).message}`);
  }
}
