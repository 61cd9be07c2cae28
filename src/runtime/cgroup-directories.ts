/** A container's directories in the cgroup hierarchies: where they are, which processes live there, and their end. */
import { readdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { errorCode } from "../linux/sys-error.ts";
import type { CgroupLayout } from "./cgroup-layout.ts";

const REMOVAL_ATTEMPTS = 60;
const REMOVAL_PAUSE_MS = 5;
const MAX_REMOVAL_PAUSE_MS = 50;

/** The directory of a controller; undefined when the machine does not have the controller. */
export function controllerDirectory(layout: CgroupLayout, controller: string, cgroupPath: string): string | undefined {
  const mountPoint = layout.controllers.get(controller);
  return mountPoint === undefined ? undefined : join(mountPoint, cgroupPath);
}

/** Pids of all processes in the container, those in cgroups of its own making included. Empty when it has gone. */
export async function listCgroupPids(layout: CgroupLayout, cgroupPath: string): Promise<number[]> {
  const mountPoint = layout.controllers.get("pids") ?? layout.controllers.get("freezer") ?? layout.mountPoints[0];
  if (mountPoint === undefined) return [];
  const pids = await pidsBelow(join(mountPoint, cgroupPath));
  return [...new Set(pids)].sort((a, b) => a - b);
}

async function pidsBelow(directory: string): Promise<number[]> {
  const [text, children] = await Promise.all([readIfPresent(join(directory, "cgroup.procs")), listChildren(directory)]);
  const nested = await Promise.all(children.map(pidsBelow));
  return [...text.split("\n").filter(Boolean).map(Number), ...nested.flat()];
}

/** Kills what is left in the container's cgroups and removes them from every hierarchy. Idempotent. */
export async function removeCgroups(layout: CgroupLayout, cgroupPath: string): Promise<void> {
  await Promise.all(layout.mountPoints.map((mountPoint) => removeTree(join(mountPoint, cgroupPath))));
}

async function removeTree(directory: string): Promise<void> {
  let pauseMs = REMOVAL_PAUSE_MS;
  for (let attempt = 0; ; attempt++) {
    try {
      await rmdir(directory);
      return;
    } catch (error) {
      const code = errorCode(error);
      if (code === "ENOENT") return;
      if (attempt >= REMOVAL_ATTEMPTS || (code !== "EBUSY" && code !== "ENOTEMPTY")) throw error;
    }
    await Promise.all((await listChildren(directory)).map(removeTree));
    // A killed process stays in its cgroup until it has been reaped.
    if ((await killMembers(directory)) > 0 || attempt > 0) {
      await delay(pauseMs);
      pauseMs = Math.min(pauseMs * 2, MAX_REMOVAL_PAUSE_MS);
    }
  }
}

async function killMembers(directory: string): Promise<number> {
  const pids = (await readIfPresent(join(directory, "cgroup.procs"))).split("\n").filter(Boolean).map(Number);
  for (const pid of pids) {
    // 0 is a process outside of our pid namespace, and to kill() our own group.
    if (pid > 0) sendSignal(pid, 9);
  }
  return pids.length;
}

/** kill(2). @returns false when there is no such process. @throws on EPERM and a bad signal. */
export function sendSignal(pid: number, signal: number): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (errorCode(error) === "ESRCH") return false;
    throw error;
  }
}

async function listChildren(directory: string): Promise<string[]> {
  return (await listDirectories(directory)).map((name) => join(directory, name));
}

/** Names of the directories in a directory; none when it is not there. */
export async function listDirectories(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** A control file's text, "" when the cgroup or the file is not there. */
export async function readIfPresent(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    // A cgroup that is being removed answers ENODEV.
    if (["ENOENT", "ENOTDIR", "ENODEV"].includes(errorCode(error))) return "";
    throw error;
  }
}
