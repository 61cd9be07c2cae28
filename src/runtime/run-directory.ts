/**
 * The directory of a running container, under the exec root:
 *
 *     <runDir>/config.json     the OCI configuration; this directory is the bundle
 *     <runDir>/rootfs/         where the monitor mounts the root file system, in a namespace of its own
 *     <runDir>/pid             written by the runtime
 *     <runDir>/runtime.log     the runtime's complaints
 *     <runDir>/monitor.sock    the monitor listens here
 *     <runDir>/exit            the monitor's last word
 *     <runDir>/exec-<id>.…     the same for executed processes: .json, .pid, .log
 *
 * and, while a terminal is handed over, <execRoot>/tty/<random>: a socket's path must fit into 107 bytes.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rmdir, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { spreadChildren } from "../linux/directory-spread.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { OciProcess, OciSpec } from "./oci-spec.ts";
import { lastLoggedError } from "./runtime-errors.ts";

/** Enough to tell the processes of one container apart. */
const EXEC_ID_CHARACTERS = 16;

export interface ProcessFiles {
  pidFile: string;
  logPath: string;
}

const TERMINALS = "tty";
const REMOVAL_ATTEMPTS = 5;

/** Makes the directories that all containers share; `stateRoot` is where the runtime keeps a directory for each. */
export async function createExecRoot(execRoot: string, stateRoot: string): Promise<void> {
  await mkdir(join(execRoot, TERMINALS), { recursive: true, mode: 0o711 });
  await mkdir(stateRoot, { recursive: true, mode: 0o700 });
  spreadChildren(stateRoot);
}

/** A new path for the socket by which the runtime hands a terminal over. */
export function newConsoleSocket(execRoot: string): string {
  return join(execRoot, TERMINALS, randomBytes(8).toString("hex"));
}

export function rootPath(runDir: string): string {
  return join(runDir, "rootfs");
}

export function containerFiles(runDir: string): ProcessFiles {
  return {
    pidFile: join(runDir, "pid"),
    logPath: join(runDir, "runtime.log"),
  };
}

export function execFiles(runDir: string, execId: string): ProcessFiles & { processFile: string } {
  const base = join(runDir, `exec-${execId.slice(0, EXEC_ID_CHARACTERS)}`);
  return {
    processFile: `${base}.json`,
    pidFile: `${base}.pid`,
    logPath: `${base}.log`,
  };
}

/** Makes the directory with its configuration, after what an earlier run may have left there is gone. */
export async function createRunDirectory(runDir: string, spec: OciSpec): Promise<void> {
  await mkdir(rootPath(runDir), { recursive: true, mode: 0o711 });
  await Promise.all([
    writeFile(join(runDir, "config.json"), JSON.stringify(spec), { mode: 0o600 }),
    ...["exit", "pid", "runtime.log"].map((name) => unlinkIfPresent(join(runDir, name))),
  ]);
}

export async function writeProcessFile(path: string, process: OciProcess): Promise<void> {
  await writeFile(path, JSON.stringify(process), { mode: 0o600 });
}

/** The cgroup path in a container's configuration; undefined when there is no such container. */
export async function findCgroupPath(runDir: string): Promise<string | undefined> {
  const text = await readFile(join(runDir, "config.json"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return (JSON.parse(text) as OciSpec).linux.cgroupsPath;
  } catch {
    return undefined; // The daemon died while it wrote: the container was never started.
  }
}

/** The pid that the runtime wrote; undefined when it did not. */
export async function findPid(pidFile: string): Promise<number | undefined> {
  const text = await readFile(pidFile, "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return pid > 0 ? pid : undefined;
}

/** What the runtime complained about; "" for nothing. */
export async function readRuntimeError(logPath: string): Promise<string> {
  return lastLoggedError(await readFile(logPath, "utf8").catch(() => ""));
}

/**
 * Removes the directory, also while a monitor that is ending removes its own files there. Never looks into `rootfs`: were
 * something still mounted there, its files must survive.
 */
export async function removeRunDirectory(runDir: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await emptyRunDirectory(runDir);
      await rmdir(runDir);
      return;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return;
      if (errorCode(error) !== "ENOTEMPTY" || attempt >= REMOVAL_ATTEMPTS) throw error;
    }
  }
}

async function emptyRunDirectory(runDir: string): Promise<void> {
  const names = await readdir(runDir);
  await Promise.all(
    names.map((name) => {
      const path = join(runDir, name);
      return path === rootPath(runDir) ? rmdir(path) : unlinkIfPresent(path);
    }),
  );
}

/** Removes the files of an executed process that has ended. */
export async function removeExecFiles(files: ProcessFiles & { processFile: string }): Promise<void> {
  await Promise.all([files.processFile, files.pidFile, files.logPath].map(unlinkIfPresent));
}

async function unlinkIfPresent(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
