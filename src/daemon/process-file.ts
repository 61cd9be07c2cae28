/** The daemon's pid file. */
import { mkdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { NaruError } from "../lib/errors.ts";

/** @throws conflict when the file names a live process that runs the same program. */
export async function writePidFile(path: string): Promise<void> {
  const text = await readFile(path, "utf8").catch(() => "");
  const pid = Number(text.trim());
  if (pid > 0 && pid !== process.pid && (await isSameProgram(pid))) {
    throw new NaruError("conflict", `process with PID ${pid} is still running: it is named in the pid file ${path}`);
  }
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${process.pid}`);
}

/** Removes the file when it is still ours. */
export async function removePidFile(path: string): Promise<void> {
  const text = await readFile(path, "utf8").catch(() => "");
  if (Number(text.trim()) === process.pid) await rm(path, { force: true });
}

/** A pid may have been given to another program since the file was written. */
async function isSameProgram(pid: number): Promise<boolean> {
  const [ours, theirs] = await Promise.all([
    readlink("/proc/self/exe"),
    readlink(`/proc/${pid}/exe`).catch(() => undefined),
  ]);
  return theirs?.replace(/ \(deleted\)$/, "") === ours;
}
