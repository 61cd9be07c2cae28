/** Unix sockets as files: left-overs, owner and mode. */
import { chmod, chown, mkdir, readFile, rm, stat } from "node:fs/promises";
import net from "node:net";
import { dirname } from "node:path";
import { NaruError } from "../lib/errors.ts";

/**
 * Makes room for a socket at `path`: its directory exists, and a file that a dead daemon left is gone.
 * @throws conflict when somebody listens there; invalid when something else than a socket lies there.
 */
export async function clearSocketPath(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw new NaruError("invalid", `cannot listen on ${path}: a file lies there, not a socket`);
  if (await isListening(path)) {
    throw new NaruError("conflict", `cannot listen on ${path}: another process listens there`);
  }
  await rm(path, { force: true });
}

/** True when a process accepts connections on the socket. */
export function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}

/** Mode 0660, owned by root and the group. */
export async function protectSocket(path: string, groupId: number): Promise<void> {
  await chmod(path, 0o660);
  await chown(path, 0, groupId);
}

/** The id of a group by name or number, from /etc/group; undefined when there is none. */
export async function findGroupId(name: string): Promise<number | undefined> {
  if (/^\d+$/.test(name)) return Number(name);
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  for (const line of groups.split("\n")) {
    const [group, , id] = line.split(":");
    if (group === name && id !== undefined) return Number(id);
  }
  return undefined;
}
