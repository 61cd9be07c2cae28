/** Build steps that run, or that have left something. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { run, type TestDaemon } from "./daemon.ts";

/** Their directories, their mounts that others see, and the processes of this command. */
export async function runningSteps({ execRoot }: TestDaemon, command: string): Promise<string[]> {
  const directories = await readdir(join(execRoot, "containers"));
  const mounts = (await Bun.file("/proc/self/mounts").text()).split("\n");
  return [
    ...directories,
    // The daemon keeps a stock of network namespaces.
    ...mounts.filter((line) => line.includes(execRoot) && !line.includes(" nsfs ")),
    ...(await processesOf(command)),
  ];
}

/** Processes that were started by exactly this command. */
export async function processesOf(command: string): Promise<string[]> {
  return (await run(["ps", "-eo", "args"])).stdout.split("\n").filter((line) => line === command);
}
