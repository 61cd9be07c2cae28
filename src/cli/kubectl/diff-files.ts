/** Two folders of objects, as they are and as they would be, and the program that compares them. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CliError } from "../cli-error.ts";
import { removedWhenInterrupted } from "./interrupted.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import type { ObjectTarget } from "./resource-arguments.ts";
import { yamlText } from "./yaml-text.ts";

/** Exit code of a comparison that went wrong. */
export const TROUBLE = 2;

/** The two folders; disposing takes them away, as a signal does. */
export class DiffFiles implements AsyncDisposable {
  private readonly stopCaring = removedWhenInterrupted(() => [this.live, this.merged]);

  private constructor(
    private readonly live: string,
    private readonly merged: string,
  ) {}

  static async create(): Promise<DiffFiles> {
    return new DiffFiles(await mkdtemp(join(tmpdir(), "LIVE-")), await mkdtemp(join(tmpdir(), "MERGED-")));
  }

  /** Undefined: the object is not there, before (an empty file) or after (no file). Secrets are written without their values. */
  async add(target: ObjectTarget, live: KubeManifestObject | undefined, merged: KubeManifestObject | undefined) {
    const { group, version, kind } = target.type;
    const place = [...(group === "" ? [] : [group]), version, kind, target.namespace ?? "", target.name];
    const [before, after] = kind === "Secret" && group === "" ? masked(live, merged) : [live, merged];
    const name = place.join(".").replaceAll("/", "_");
    await writeFile(join(this.live, name), before === undefined ? "" : yamlText(before));
    if (after !== undefined) await writeFile(join(this.merged, name), yamlText(after));
  }

  /** Resolves to 0 when nothing differs, else 1. @throws CliError of exit code 2 when the program fails */
  async compare(): Promise<number> {
    const { program, words } = diffProgram();
    const child = (() => {
      try {
        return Bun.spawn([program, ...words(this.live, this.merged)], {
          stdin: "ignore",
          stdout: "inherit",
          stderr: "inherit",
        });
      } catch {
        throw new CliError(
          `error: failed to run ${JSON.stringify(program)}: executable file not found in $PATH`,
          TROUBLE,
        );
      }
    })();
    const code = await child.exited;
    if (code > 1) throw new CliError(`error: failed to run ${JSON.stringify(program)}: exit status ${code}`, TROUBLE);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopCaring();
    await Promise.all([this.live, this.merged].map((folder) => rm(folder, { recursive: true, force: true })));
  }
}

/** KUBECTL_EXTERNAL_DIFF, of whose words only plain ones are taken and stand behind the folders, else `diff -u -N`. */
function diffProgram(): { program: string; words(...folders: string[]): string[] } {
  const [program, ...words] = (process.env.KUBECTL_EXTERNAL_DIFF ?? "").split(" ");
  if (!program) return { program: "diff", words: (...folders) => ["-u", "-N", ...folders] };
  const plain = words.filter((word) => /^[a-zA-Z0-9\-=]+$/.test(word));
  return { program, words: (...folders) => [...folders, ...plain] };
}

const MASK = "***";

/** Values of secrets do not show; only that they differ. */
function masked(
  live: KubeManifestObject | undefined,
  merged: KubeManifestObject | undefined,
): [KubeManifestObject | undefined, KubeManifestObject | undefined] {
  const dataOf = (object: KubeManifestObject | undefined) => (object?.data ?? {}) as Record<string, string>;
  const [before, after] = [dataOf(live), dataOf(merged)];
  const hide = (object: KubeManifestObject | undefined, own: Record<string, string>, which: string) => {
    if (object?.data === undefined) return object;
    const data = Object.fromEntries(
      Object.keys(own).map((key) => {
        const differs = Object.hasOwn(before, key) && Object.hasOwn(after, key) && before[key] !== after[key];
        return [key, differs ? `${MASK} (${which})` : MASK];
      }),
    );
    return { ...object, data };
  };
  return [hide(live, before, "before"), hide(merged, after, "after")];
}
