/** Finding the OCI runtime that makes containers, and knowing how to call it. */
import { readFile } from "node:fs/promises";
import { NaruError } from "../lib/errors.ts";
import { isKernelAtLeast } from "./host-facts.ts";

export interface RuntimeProgram {
  name: "crun" | "runc";
  path: string;
  version: string;
  /** It takes seccomp filters that are compiled already: crun from about version 1 on, not that of Ubuntu 22.04. */
  takesCompiledFilters: boolean;
  /** It knows the mount option "rro"; one that does not would ignore it, and the mount be writable. */
  knowsRecursiveReadOnly: boolean;
}

/** By this annotation, which the program itself names, crun is handed a compiled filter (crun(1)). */
export const COMPILED_FILTER_ANNOTATION = "run.oci.seccomp_bpf_data";

/** The option as a word of its own in the program. */
const RECURSIVE_READ_ONLY = "\0rro\0";

/** In order of preference: crun is several times faster. */
const KNOWN = ["crun", "runc"] as const;
const INSTALL = "install one, for instance: apt-get install crun";

/**
 * The runtime at `path`, or the first of crun and runc that PATH has.
 * @throws {NaruError} unavailable, saying what to install.
 */
export async function findRuntimeProgram(
  path: string | undefined,
  names: readonly RuntimeProgram["name"][] = KNOWN,
): Promise<RuntimeProgram> {
  if (path !== undefined) {
    const program = await probe(path);
    if (program) return program;
    throw new NaruError("unavailable", `${path} is not an OCI runtime that can be executed (crun or runc): ${INSTALL}`);
  }
  for (const name of names) {
    const found = Bun.which(name, { PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin" });
    const program = found ? await probe(found) : undefined;
    if (program) return program;
  }
  throw new NaruError("unavailable", `no OCI runtime (${names.join(" or ")}) in PATH: ${INSTALL}`);
}

async function probe(path: string): Promise<RuntimeProgram | undefined> {
  try {
    const child = Bun.spawn([path, "--version"], { stdio: ["ignore", "pipe", "ignore"] });
    const [text, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
    const [, name, version = ""] = /^(crun|runc) version (\S+)/m.exec(text) ?? [];
    if (code !== 0 || (name !== "crun" && name !== "runc")) return undefined;
    const contents = await readFile(path);
    return {
      name,
      path,
      version,
      takesCompiledFilters: name === "crun" && contents.includes(COMPILED_FILTER_ANNOTATION),
      knowsRecursiveReadOnly: name === "runc" || contents.includes(RECURSIVE_READ_ONLY),
    };
  } catch {
    return undefined;
  }
}

/** What the runtime is told about one process. */
interface RuntimeCall {
  stateRoot: string;
  logPath: string;
  pidFile: string;
  containerId: string;
  /** For a process with a terminal. */
  consoleSocket?: string;
}

/** Makes a container and starts its process; answers once that runs. */
export function runCommand(program: RuntimeProgram, call: RuntimeCall & { bundle: string }): string[] {
  return [...globalOptions(program, call), "run", "--bundle", call.bundle, ...startOptions(call), call.containerId];
}

/** Starts one more process in a container. */
export function execCommand(program: RuntimeProgram, call: RuntimeCall & { processFile: string }): string[] {
  const { processFile, containerId } = call;
  return [...globalOptions(program, call), "exec", "--process", processFile, ...startOptions(call), containerId];
}

function globalOptions({ name, path }: RuntimeProgram, { stateRoot, logPath }: RuntimeCall): string[] {
  // crun writes the same text to the process's own stderr, which is read by people; runc does not.
  return [path, "--root", stateRoot, "--log", logPath, "--log-format", name === "crun" ? "text" : "json"];
}

function startOptions({ pidFile, consoleSocket }: RuntimeCall): string[] {
  const console = consoleSocket === undefined ? [] : ["--console-socket", consoleSocket];
  return ["--detach", "--pid-file", pidFile, ...console];
}

/** Whether a read-only bind mount may be asked to cover the mounts inside it: mount_setattr(2) came with Linux 5.12. */
export function hasRecursiveReadOnly(program: RuntimeProgram, kernel: string): boolean {
  return program.knowsRecursiveReadOnly && isKernelAtLeast(kernel, "5.12");
}
