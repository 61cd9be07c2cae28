/** Compose files that lie elsewhere, as files of this machine: kept where docker compose keeps them, so that both mean the same folders. */
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { OCI_SCHEME } from "../../../compose/remote-address.ts";
import { CliError } from "../../cli-error.ts";
import type { CommandContext } from "../../command.ts";
import { parseGoBool } from "../../go-bool.ts";
import { interruptible } from "../interruptible.ts";

/** Fetches files of registries and git repositories; each address once. */
export class RemoteFiles {
  private readonly known = new Map<string, Promise<string>>();

  constructor(private readonly context: CommandContext) {}

  /** The path of a file that stands at an address; Ctrl-C leaves nothing of it. Throws CliError saying why there is none. */
  readonly fetch = (address: string): Promise<string> => {
    const known = this.known.get(address) ?? interruptible((signal) => this.fetchNow(address, signal));
    this.known.set(address, known);
    return known;
  };

  private async fetchNow(address: string, signal: AbortSignal): Promise<string> {
    if (address.startsWith(OCI_SCHEME)) {
      checkEnabled("COMPOSE_EXPERIMENTAL_OCI_REMOTE");
      const { fetchPublished } = await import("./project-artifact.ts");
      return await fetchPublished(this.context, address, signal);
    }
    checkEnabled("COMPOSE_EXPERIMENTAL_GIT_REMOTE");
    const { fetchFromGit } = await import("./git-files.ts");
    return await fetchFromGit(address, signal);
  }
}

/** docker compose's switches for it. */
function checkEnabled(variable: string): void {
  const text = process.env[variable];
  if (text && !parseGoBool(text)) throw new CliError(`files from elsewhere are not fetched: ${variable} says so`);
}

const cacheFolder = () => join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "docker-compose");

/** A folder of the cache; `fill` brings what belongs into it, where it is not there yet. It is there as a whole or not at all. */
export async function cachedFolder(key: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder(), key);
  if (await isThere(folder)) return folder;
  await mkdir(cacheFolder(), { recursive: true });
  const draft = await mkdtemp(join(cacheFolder(), ".draft-"));
  try {
    await fill(draft);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Somebody else was quicker.
    if (!(await isThere(folder))) throw error;
  }
  return folder;
}

export const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
