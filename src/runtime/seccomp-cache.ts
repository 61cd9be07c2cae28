/**
 * Spares crun the compiling of seccomp filters, which takes more time (10 ms) than all else it does for a container.
 * The first container with a filter gets the rules in full; the program that crun made of them is then kept, and handed
 * to it for every later container by the annotation run.oci.seccomp_bpf_data (crun(1)).
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SeccompFilter } from "./oci-spec.ts";
import { COMPILED_FILTER_ANNOTATION } from "./runtime-program.ts";

/** A filter's program is some 8 KiB. */
const MAX_REMEMBERED = 64;
/** Size of an instruction, struct sock_filter in linux/filter.h. */
const INSTRUCTION_BYTES = 8;

/** What goes into a container's configuration. */
export interface SeccompChoice {
  filter: SeccompFilter;
  annotations?: Record<string, string>;
  /** Set when crun compiles this filter: names it for remember(). */
  unknownKey?: string;
}

export class SeccompCache {
  readonly #directory: string;
  readonly #salt: string;
  /** Key of a filter to its program in base64. */
  readonly #programs = new Map<string, string>();
  readonly #keys = new WeakMap<SeccompFilter, string>();

  /** `salt`: what a program depends on beside its rules: the runtime's version, the kernel. */
  constructor(directory: string, salt: string) {
    this.#directory = directory;
    this.#salt = salt;
  }

  async choose(filter: SeccompFilter): Promise<SeccompChoice> {
    // A filter with a listener is more than a program.
    if (filter.listenerPath) return { filter };
    const key = this.#keyOf(filter);
    const program = this.#programs.get(key) ?? (await this.#load(key));
    if (program === undefined) return { filter, unknownKey: key };
    // Without rules of its own: a runtime that ignored the annotation would forbid everything, rather than nothing.
    const strict: SeccompFilter = { ...filter, defaultAction: "SCMP_ACT_ERRNO", syscalls: [] };
    return { filter: strict, annotations: { [COMPILED_FILTER_ANNOTATION]: program } };
  }

  /** Keeps the program in `path`, which crun has compiled for a container that runs. Failures only cost time later. */
  async remember(key: string, path: string): Promise<void> {
    if (this.#programs.has(key)) return;
    const program = await readFile(path).catch(() => undefined);
    if (!program?.length || program.length % INSTRUCTION_BYTES !== 0) return;
    this.#keep(key, program);
    const file = join(this.#directory, key);
    const temporary = `${file}.${process.pid}`;
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await writeFile(temporary, program, { mode: 0o600 });
      await rename(temporary, file);
    } catch {
      // The next daemon lets crun compile it once more.
    }
  }

  async #load(key: string): Promise<string | undefined> {
    const program = await readFile(join(this.#directory, key)).catch(() => undefined);
    return program?.length ? this.#keep(key, program) : undefined;
  }

  #keep(key: string, program: Buffer): string {
    const text = program.toString("base64");
    if (this.#programs.size >= MAX_REMEMBERED) this.#programs.delete(this.#programs.keys().next().value!);
    this.#programs.set(key, text);
    return text;
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
