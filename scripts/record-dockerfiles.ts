/**
 * Builds the Dockerfiles of test/unit/build/recorded/cases.ts with a real docker's buildx and keeps what came of it beside them.
 * usage: DOCKER_HOST=unix:///path/docker.sock bun scripts/record-dockerfiles.ts [mistakes] [builds] [files] [checks]
 * The daemon must have the image "busybox", and must be BuildKit 0.25 (docker 28.5).
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSavedImage } from "../test/support/saved-image.ts";
import { CASES, CONTEXT, type DockerfileCase, type Kind } from "../test/unit/build/recorded/cases.ts";

if (!process.env.DOCKER_HOST?.startsWith("unix://")) {
  console.error("record-dockerfiles: set DOCKER_HOST to the unix:// socket of a real docker");
  process.exit(2);
}
const TAG = "naru-recorded-dockerfile";

async function run(args: string[], directory: string) {
  const env = { ...process.env, BUILDX_NO_DEFAULT_ATTESTATIONS: "1" };
  const child = Bun.spawn(["docker", ...args], { cwd: directory, env, stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, err, code };
}

function flags({ buildArgs, target }: DockerfileCase): string[] {
  const args = Object.entries(buildArgs ?? {}).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]);
  return [...args, ...(target === undefined ? [] : ["--target", target])];
}

/** The message without what the client puts before it, the address of a session, and the word of a network that is not there. */
function errorOf(stderr: string): string {
  const line = stderr.split("\n").findLast((text) => text.startsWith("ERROR: ")) ?? "";
  return line.replace(/^ERROR: (failed to build: )?(failed to (solve|run Build function): )?/, "");
}

async function recordBuild(one: DockerfileCase, directory: string) {
  const built = await run(
    ["buildx", "build", "--no-cache", "--progress=rawjson", "-t", TAG, ...flags(one), "."],
    directory,
  );
  if (built.code !== 0) return { error: errorOf(built.err) };
  const names = new Set<string>();
  for (const line of built.err.split("\n").filter((text) => text.startsWith("{"))) {
    for (const { name } of (JSON.parse(line) as { vertexes?: { name: string }[] }).vertexes ?? []) names.add(name);
  }
  const steps = [...names].filter((name) => !/^\[internal\]|^exporting/.test(name));
  return { steps: steps.toSorted(), ...(await imageConfig(directory)) };
}

async function imageConfig(directory: string) {
  const archive = join(directory, "..", "image.tar");
  await rm(archive, { force: true });
  if ((await run(["save", "-o", archive, TAG], directory)).code !== 0) return {};
  const { layers, ...image } = await readSavedImage(archive);
  // The first is busybox.
  return { ...image, layers: image.history[0]?.endsWith(" | ") ? layers.slice(1) : layers };
}

async function recordCalls(one: DockerfileCase, directory: string) {
  const call = async (name: string) => {
    const { out, err, code } = await run(
      ["buildx", "build", `--call=${name},format=json`, ...flags(one), "."],
      directory,
    );
    if (out.trim() === "") return { error: errorOf(err), code };
    const { sources: _, ...answer } = JSON.parse(out) as Record<string, unknown>;
    for (const warning of (answer.warnings ?? []) as { description?: string; url?: string }[]) {
      // Help and addresses are each project's own.
      delete warning.description;
      delete warning.url;
    }
    return answer;
  };
  return { lint: await call("check"), outline: await call("outline"), targets: await call("targets") };
}

/** Only the kinds that are named; all when none is. */
const kinds = process.argv.slice(2);
const root = await mkdtemp(join(tmpdir(), "record-dockerfiles-"));
try {
  for (const { kind, cases } of CASES.filter((group) => kinds.length === 0 || kinds.includes(group.kind))) {
    const replies: Record<string, unknown> = {};
    for (const one of cases.filter(({ differs }) => !differs)) replies[one.name] = await record(kind, one);
    await Bun.write(`test/unit/build/recorded/${kind}.json`, `${JSON.stringify(replies, null, 2)}\n`);
    console.log(`${kind}: ${cases.length}`);
  }
} finally {
  await run(["image", "rm", "-f", TAG], "/");
  await rm(root, { recursive: true, force: true });
}

async function record(kind: Kind, one: DockerfileCase): Promise<unknown> {
  const directory = join(root, "context");
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
  if (Bun.spawnSync(["sh", "-c", CONTEXT], { cwd: directory }).exitCode !== 0)
    throw new Error("the context cannot be made");
  await writeFile(join(directory, "Dockerfile"), one.dockerfile);
  if (one.ignore) await writeFile(join(directory, ".dockerignore"), one.ignore);
  return kind === "checks" ? recordCalls(one, directory) : recordBuild(one, directory);
}
