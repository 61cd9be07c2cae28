/** Timing and memory readings for the bench. */
import { readdir } from "node:fs/promises";

/** Wall time of one command in milliseconds; throws with its stderr when it fails. */
export async function timeCommand(command: string[], env: Record<string, string>): Promise<number> {
  const startedAt = performance.now();
  const child = Bun.spawn(command, {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const code = await child.exited;
  const elapsedMs = performance.now() - startedAt;
  if (code !== 0)
    throw new Error(`${command.join(" ")} ended with ${code}: ${await new Response(child.stderr).text()}`);
  return elapsedMs;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Runs `jobs` with at most `width` at a time. */
export async function inParallel(jobs: readonly (() => Promise<unknown>)[], width: number): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let job = jobs[next++]; job; job = jobs[next++]) await job();
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** Proportional set size of a process in bytes (proc(5), smaps_rollup); 0 when it is gone. */
export async function pssBytes(pid: number): Promise<number> {
  const text = await Bun.file(`/proc/${pid}/smaps_rollup`)
    .text()
    .catch(() => "");
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
}

/** Pids whose executable's path ends with one of these names. */
export async function pidsOf(names: readonly string[]): Promise<number[]> {
  const pids: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const command = await Bun.file(`/proc/${entry}/comm`)
      .text()
      .catch(() => "");
    if (names.some((name) => command.trim().startsWith(name))) pids.push(Number(entry));
  }
  return pids;
}
