/** The machine's own name servers, for names that are not the cluster's. */

import { readFile } from "node:fs/promises";

const FILE = "/etc/resolv.conf";
/** The file is read again after this, milliseconds: machines move between networks. */
const FRESH_MS = 10_000;

/** Answers from memory; the file is read beside that. */
export function machineResolvers(): () => readonly string[] {
  let servers: readonly string[] = [];
  let readAt = Number.NEGATIVE_INFINITY;
  const read = async () => {
    readAt = performance.now();
    const text = await readFile(FILE, "utf8").catch(() => "");
    servers = text.split("\n").flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
  };
  void read();
  return () => {
    if (performance.now() - readAt > FRESH_MS) void read();
    return servers;
  };
}
