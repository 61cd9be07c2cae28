/**
 * The Dockerfiles of test/unit/build/recorded, built by the real docker client: configuration, history and the files of every layer
 * beside what a real docker made of them.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerConfig } from "../../src/model/container.ts";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { readSavedImage, type SavedImage } from "../support/saved-image.ts";
import builds from "../unit/build/recorded/builds.json";
import { CASES, CONTEXT, type DockerfileCase } from "../unit/build/recorded/cases.ts";
import files from "../unit/build/recorded/files.json";

const recorded = { ...builds, ...files } as unknown as Record<string, SavedImage>;
const groups = CASES.filter(({ kind }) => kind === "builds" || kind === "files");
/** Files through BuildKit's protocol, the others through the classic builder's. */
const cases = groups.flatMap(({ kind, cases }) =>
  cases.map((one) => ({ ...one, buildkit: kind === "files" ? "1" : "0" })),
);

let daemon: TestDaemon;
let directory: string;

beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
  directory = await mkdtemp(join(tmpdir(), "naru-dockerfiles-"));
  const made = Bun.spawnSync(["sh", "-c", CONTEXT], { cwd: directory });
  if (made.exitCode !== 0) throw new Error(`the context cannot be made: ${made.stderr}`);
});
afterAll(async () => {
  await daemon?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function docker(words: string[], buildkit = "0"): Promise<void> {
  const env = { DOCKER_BUILDKIT: buildkit, BUILDX_NO_DEFAULT_ATTESTATIONS: "1" };
  const { code, stderr } = await daemon.docker(words, { env });
  if (code !== 0) throw new Error(`docker ${words.join(" ")}: ${stderr}`);
}

async function build(one: (typeof cases)[number]): Promise<SavedImage> {
  const { dockerfile, buildArgs = {}, target, ignore, buildkit }: DockerfileCase & { buildkit: string } = one;
  await writeFile(join(directory, "Dockerfile"), dockerfile);
  if (ignore === undefined) await rm(join(directory, ".dockerignore"), { force: true });
  else await writeFile(join(directory, ".dockerignore"), ignore);
  const args = Object.entries(buildArgs).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]);
  await docker(["build", "-q", "-t", "made", ...args, ...(target ? ["--target", target] : []), directory], buildkit);
  const archive = join(daemon.root, "made.tar");
  await docker(["save", "-o", archive, "made"]);
  const image = await readSavedImage(archive);
  return image.history[0]?.endsWith(" | ") ? { ...image, layers: image.layers.slice(1) } : image;
}

/** Empty and absent are one in an image's configuration. */
function withoutEmpty(config: ContainerConfig): Record<string, unknown> {
  const isEmpty = (value: unknown) =>
    value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(config).filter(([, value]) => !isEmpty(value)));
}

/** A RUN that changes nothing has an empty layer in docker, and none here. */
const words = (history: readonly string[]) => history.map((line) => line.replace(/^\w+ \| /, ""));

for (const one of cases.filter(({ differs }) => !differs)) {
  test(one.name, async () => {
    const made = await build(one);
    const wanted = recorded[one.name]!;
    expect(made.layers).toEqual(wanted.layers);
    expect(words(made.history)).toEqual(words(wanted.history));
    expect(withoutEmpty(made.config)).toEqual(withoutEmpty(wanted.config));
    expect(made.author).toBe(wanted.author);
  });
}
