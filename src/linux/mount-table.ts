/** What is mounted where, as this process sees it. Source: proc_pid_mountinfo(5). */
import { readFile, realpath } from "node:fs/promises";

/** Places of the mounts on a directory and below it, what covers another later; without links, as the kernel has them. */
export async function listMountsBelow(directory: string): Promise<string[]> {
  const real = await realpath(directory).catch(() => directory);
  const table = await readFile("/proc/self/mountinfo", "utf8");
  return table
    .split("\n")
    .map((line) => unescapeMountPoint(line.split(" ")[4] ?? ""))
    .filter((point) => point === real || point.startsWith(`${real}/`));
}

/** The table writes space, tab, newline and backslash as octal numbers. */
export function unescapeMountPoint(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
