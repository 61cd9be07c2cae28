/** Build contexts of tests: a directory with these files, and docker's classic builder run on it. */
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Finished, TestDaemon } from "./daemon.ts";

/** A text is a file's content; a link is told by its target. */
export type ContextFiles = Record<string, string | Uint8Array | { link: string } | { mode: number; text: string }>;

export interface BuildContext extends AsyncDisposable {
  readonly directory: string;
  write(files: ContextFiles): Promise<void>;
  /** `docker build` with the builder that needs no plugin. */
  build(daemon: TestDaemon, words?: string[], options?: { stdin?: string }): Promise<Finished>;
}

export async function makeContext(files: ContextFiles): Promise<BuildContext> {
  const directory = await mkdtemp(join(tmpdir(), "naru-context-"));
  const context: BuildContext = {
    directory,
    async write(more) {
      for (const [path, what] of Object.entries(more)) {
        const place = join(directory, path);
        await mkdir(dirname(place), { recursive: true });
        if (typeof what === "string" || what instanceof Uint8Array) await writeFile(place, what);
        else if ("link" in what) await symlink(what.link, place);
        else {
          await writeFile(place, what.text);
          await chmod(place, what.mode);
        }
      }
    },
    build: (daemon, words = [], { stdin } = {}) =>
      daemon.docker(["build", ...words, directory], {
        env: { DOCKER_BUILDKIT: "0" },
        ...(stdin === undefined ? {} : { stdin }),
      }),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
  await context.write(files);
  return context;
}
