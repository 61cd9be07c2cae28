/** Finding the OCI runtime that makes containers, and knowing how to call it. */
import { NaruError } from "../lib/errors.ts";

export interface RuntimeProgram {
  name: "crun" | "runc";
  path: string;
  version: string;
}

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
    return { name, path, version };
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
