import type { PathStat } from "../../model/container.ts";
import type { ApiClient } from "../client.ts";
import { objectPath } from "../object-path.ts";

/** Bits of Go's os.FileMode. */
const MODE_DIRECTORY = 2 ** 31;
const MODE_SYMLINK = 2 ** 27;

interface ContainerFile {
  isDirectory: boolean;
  /** Where a symbolic link leads; undefined for all else. */
  linkTarget: string | undefined;
}

/** What a path inside a container is. Throws the daemon's error when it is nothing. */
export async function statInContainer(client: ApiClient, container: string, path: string): Promise<ContainerFile> {
  const answer = await client.send("HEAD", `${objectPath("container", container)}/archive`, { query: { path } });
  return readStat(answer.headers);
}

/** Reads the header that describes the path of an archive. */
export function readStat(headers: ReadonlyMap<string, string>): ContainerFile {
  const text = Buffer.from(headers.get("x-docker-container-path-stat") ?? "", "base64").toString();
  const { mode, linkTarget } = JSON.parse(text) as PathStat;
  const has = (bit: number) => Math.floor(mode / bit) % 2 === 1;
  return { isDirectory: has(MODE_DIRECTORY), linkTarget: has(MODE_SYMLINK) ? linkTarget : undefined };
}
