/** What a daemon has left in the kernel: mounts, interfaces, firewall tables, cgroups and processes with its name in them. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { PROJECT, run, type TestDaemon } from "./daemon.ts";

/** Lines of scripts/kernel-objects that belong to this daemon, or to its containers. */
export async function leftovers({ root, dataRoot, execRoot }: TestDaemon): Promise<string[]> {
  const instance = createHash("sha256").update(`${dataRoot}\0${execRoot}`).digest("hex").slice(0, 8);
  const { stdout, stderr, code } = await run([join(PROJECT, "scripts/kernel-objects")]);
  if (code !== 0) throw new Error(`scripts/kernel-objects: ${stderr}`);
  const names = [`${root}/`, `naru-${instance}`, `nr${instance.slice(0, 6)}-`, `nv${instance.slice(0, 6)}-`];
  return stdout.split("\n").filter((line) => names.some((name) => line.includes(name)));
}
