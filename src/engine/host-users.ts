/** Names of the host's users, for process lists. */
import { readFile } from "node:fs/promises";

/** Name by uid, from /etc/passwd. */
export async function hostUserNames(): Promise<Map<number, string>> {
  const text = await readFile("/etc/passwd", "utf8").catch(() => "");
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [name, , uid] = line.split(":");
    if (name && uid && !names.has(Number(uid))) names.set(Number(uid), name);
  }
  return names;
}
