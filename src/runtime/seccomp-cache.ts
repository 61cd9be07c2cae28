/**
 * Spares crun the compiling of seccomp filters, which takes more time (10 ms) than all else it does for a container.
 * A filter is compiled once; its program is kept, and handed to crun for every container by the annotation
 * run.oci.seccomp_bpf_data (crun(1)).
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorText } from "../lib/errors.ts";
import type { SeccompFilter } from "./oci-spec.ts";
import { COMPILED_FILTER_ANNOTATION } from "./runtime-program.ts";
import { withYoungCalls } from "./seccomp-program.ts";
import { asDecisionTree } from "./seccomp-tree.ts";

/** A filter's program is some 5 KiB. */
const MAX_REMEMBERED = 64;
/** Changes with what is made of the compiled programs. */
const FORMAT = "3";

/** What goes into a container's configuration. */
interface SeccompChoice {
  filter: SeccompFilter;
  annotations?: Record<string, string>;
}
interface Compiler {
  compile(filter: SeccompFilter): Promise<Uint8Array>;
}

export class SeccompCache {
  readonly #directory: string;
  readonly #salt: string;
  readonly #compiler: Compiler;
  /** Key of a filter to its program in base64. */
  readonly #programs = new Map<string, Promise<string>>();
  readonly #keys = new WeakMap<SeccompFilter, string>();

  /** `salt`: what a program depends on beside its rules: the runtime's version, the kernel. */
  constructor(directory: string, salt: string, compiler: Compiler) {
    this.#directory = directory;
    this.#salt = `${FORMAT} ${salt}`;
    this.#compiler = compiler;
  }

  async choose(filter: SeccompFilter): Promise<SeccompChoice> {
    // A filter with a listener is more than a program.
    if (filter.listenerPath) return { filter };
    try {
      const program = await this.#program(filter);
      // Without rules of its own: a runtime that ignored the annotation would forbid everything, rather than nothing.
      const strict: SeccompFilter = { ...filter, defaultAction: "SCMP_ACT_ERRNO", syscalls: [] };
      return { filter: strict, annotations: { [COMPILED_FILTER_ANNOTATION]: program } };
    } catch (error) {
      // A filter that crun refuses is refused once more for the container itself, whose user is then told.
      console.error(`a seccomp filter was not compiled beforehand: ${errorText(error)}`);
      return { filter };
    }
  }

  #program(filter: SeccompFilter): Promise<string> {
    const key = this.#keyOf(filter);
    let program = this.#programs.get(key);
    if (program === undefined) {
      program = this.#load(key, filter);
      if (this.#programs.size >= MAX_REMEMBERED) this.#programs.delete(this.#programs.keys().next().value!);
      this.#programs.set(key, program);
      program.catch(() => this.#programs.delete(key));
    }
    return program;
  }

  async #load(key: string, filter: SeccompFilter): Promise<string> {
    const file = join(this.#directory, key);
    const kept = await readFile(file).catch(() => undefined);
    if (kept?.length) return kept.toString("base64");
    const program = asDecisionTree(withYoungCalls(await this.#compiler.compile(filter), filter));
    const temporary = `${file}.${process.pid}`;
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await writeFile(temporary, program, { mode: 0o600 });
      await rename(temporary, file);
    } catch (error) {
      console.error(`a compiled seccomp filter was not kept, the next daemon will compile it: ${errorText(error)}`);
    }
    return Buffer.from(program).toString("base64");
  }

  #keyOf(filter: SeccompFilter): string {
    let key = this.#keys.get(filter);
    if (key === undefined) {
      key = new Bun.CryptoHasher("sha256").update(this.#salt).update(JSON.stringify(filter)).digest("hex");
      this.#keys.set(filter, key);
    }
    return key;
  }
}
