import { lstat } from "node:fs/promises";
import type { ComposeEngine } from "../../../compose/contract.ts";
import { CliError } from "../../cli-error.ts";
import type { ApiClient } from "../../client.ts";
import { packNodes } from "../../copy/pack.ts";

/** A path of this machine and where it belongs in the containers. */
export interface PathPair {
  path: string;
  target: string;
}

/**
 * Brings files and folders into a running container as they are now: what is here is written, what is not is removed there. Owners
 * are root's, as docker compose writes them. Throws CliError and the daemon's errors.
 */
export async function syncFiles(
  client: ApiClient,
  engine: ComposeEngine,
  container: string,
  pairs: readonly PathPair[],
): Promise<void> {
  const present = await Promise.all(
    pairs.map(({ path }) =>
      lstat(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  const gone = pairs.filter((_, index) => !present[index]).map(({ target }) => target);
  if (gone.length > 0) await removeInside(engine, container, gone);
  const here = pairs.filter((_, index) => present[index]);
  if (here.length === 0) return;
  const nodes = here.map(({ path, target }) => ({ path, name: target.replace(/^\/+/, "") }));
  await client.send("PUT", `/containers/${container}/archive`, {
    query: { path: "/" },
    headers: { "Content-Type": "application/x-tar" },
    body: packNodes(nodes, { uid: 0, gid: 0 }),
  });
}

/** Paths that one command line takes. */
const MOST_PATHS = 500;

async function removeInside(engine: ComposeEngine, container: string, paths: readonly string[]): Promise<void> {
  const tops = topmost(paths);
  for (let at = 0; at < tops.length; at += MOST_PATHS) {
    const some = tops.slice(at, at + MOST_PATHS);
    const said: Uint8Array[] = [];
    const code = await engine.exec(container, { command: ["rm", "-rf", "--", ...some], user: "0" }, ({ bytes }) => {
      said.push(bytes.slice());
    });
    if (code === 0) continue;
    throw new CliError(`cannot remove ${some.join(", ")} in ${container}: ${Buffer.concat(said).toString().trim()}`);
  }
}

/** Without those that lie in another one. */
export function topmost(paths: readonly string[]): string[] {
  const all = new Set(paths);
  return paths.filter((path) => {
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      if (all.has(path.slice(0, slash))) return false;
    }
    return true;
  });
}
