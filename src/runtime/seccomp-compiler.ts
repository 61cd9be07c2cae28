/** Lets crun compile seccomp filters: in a container that is made for this alone, and never started. */
import { access, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { OneAtATime } from "../lib/one-at-a-time.ts";
import type { SeccompFilter } from "./oci-spec.ts";
import { readRuntimeError } from "./run-directory.ts";
import type { RuntimeProgram } from "./runtime-program.ts";

/** crun needs some 40 ms. */
const PATIENCE_MS = 10_000;
const CONTAINER = "seccomp";
/** Any program will do, if only it can be executed. */
const PROGRAM_DESTINATION = "/program";

export class SeccompCompiler {
  readonly #program: RuntimeProgram;
  readonly #directory: string;
  readonly #executable: string;
  readonly #turns = new OneAtATime();

  /** `directory` is the compiler's own; `executable` any program that may be executed. */
  constructor(program: RuntimeProgram, directory: string, executable: string) {
    this.#program = program;
    this.#directory = directory;
    this.#executable = executable;
  }

  /** The program, as struct sock_filter in a row; one filter at a time. @throws {NaruError} internal when crun refuses it. */
  compile(filter: SeccompFilter): Promise<Uint8Array> {
    return this.#turns.run(() => this.#compile(filter));
  }

  /** Ends and removes what a daemon has left that was killed while it compiled. */
  removeLeftovers(): Promise<void> {
    return this.#turns.run(async () => {
      if (await isThere(this.#state)) await this.#remove(this.#state);
    });
  }

  get #state(): string {
    return join(this.#directory, "state");
  }

  async #compile(filter: SeccompFilter): Promise<Uint8Array> {
    const bundle = join(this.#directory, "bundle");
    const state = this.#state;
    const log = join(this.#directory, "log");
    // A crun that was killed here may have left one.
    if (await isThere(state)) await this.#remove(state);
    await mkdir(join(bundle, "rootfs/dev"), { recursive: true, mode: 0o700 });
    try {
      await writeFile(join(bundle, "config.json"), JSON.stringify(compilingContainer(filter, this.#executable)));
      const code = await this.#run(["--root", state, "--log", log, "create", "--bundle", bundle, CONTAINER]);
      if (code !== 0)
        throw new NaruError("internal", (await readRuntimeError(log)) || `crun create ended with code ${code}`);
      return await readFile(join(state, CONTAINER, "seccomp.bpf"));
    } finally {
      await this.#remove(state);
    }
  }

  async #remove(state: string): Promise<void> {
    // Deleting by force would kill by cgroup, and this container has none.
    await this.#run(["--root", state, "kill", CONTAINER, "KILL"]);
    await this.#run(["--root", state, "delete", "--force", CONTAINER]);
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #run(words: string[]): Promise<number> {
    const child = Bun.spawn([this.#program.path, "--cgroup-manager=disabled", ...words], {
      stdio: ["ignore", "ignore", "ignore"],
      timeout: PATIENCE_MS,
      killSignal: "SIGKILL",
    });
    return await child.exited;
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Small: a mount namespace, and the program that it will never execute. */
function compilingContainer(seccomp: SeccompFilter, executable: string): object {
  return {
    ociVersion: "1.0.2",
    process: { user: { uid: 0, gid: 0 }, args: [PROGRAM_DESTINATION], env: [], cwd: "/", noNewPrivileges: true },
    root: { path: "rootfs" },
    mounts: [
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid"] },
      { destination: PROGRAM_DESTINATION, type: "bind", source: executable, options: ["bind", "ro"] },
    ],
    linux: { namespaces: [{ type: "mount" }], seccomp },
  };
}
