/** What oras, crane and skopeo do with a registry from day to day, whatever it stores its content in. */
import { expect } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { PROJECT, run } from "./daemon.ts";

const CLIENTS = join(PROJECT, ".cache/clients/usr/bin");

/** Runs a client that has to succeed, or to fail, and resolves to what it printed. */
export async function runTool(
  folder: string,
  command: string[],
  outcome: "done" | "refused" = "done",
): Promise<string> {
  const [name = "", ...words] = command;
  const program = name === "skopeo" ? name : join(CLIENTS, name);
  const env = { HOME: folder, DOCKER_CONFIG: folder, COSIGN_PASSWORD: "pw", ...experimental(words) };
  const done = await run([program, ...words], { cwd: folder, env });
  expect({ command, ...done, outcome: done.code === 0 ? "done" : "refused" }).toMatchObject({ outcome });
  return done.stdout.trim();
}

/** What cosign wants to hear before it stores signatures as plain referrers. */
function experimental(words: string[]): Record<string, string> {
  return words.includes("--registry-referrers-mode=oci-1-1") ? { COSIGN_EXPERIMENTAL: "1" } : {};
}

/** Artifacts and what refers to them: pushed, listed, copied with their referrers, removed. */
export async function useOras(host: string, folder: string): Promise<void> {
  const oras = (words: string[], outcome?: "refused") => runTool(folder, ["oras", ...words], outcome);
  const artifact = `${host}/oras/artifact:1`;
  await Bun.write(join(folder, "notes.json"), '{"notes":1}');
  await Bun.write(join(folder, "large.bin"), crypto.getRandomValues(new Uint8Array(60_000)));
  const files = ["notes.json:application/json", "large.bin"];
  await oras(["push", "--plain-http", artifact, "--artifact-type", "application/vnd.test", ...files]);
  await mkdir(join(folder, "out"), { recursive: true });
  await oras(["pull", "--plain-http", "-o", "out", artifact]);
  expect(await Bun.file(join(folder, "out/large.bin")).bytes()).toEqual(
    await Bun.file(join(folder, "large.bin")).bytes(),
  );
  for (const type of ["sig/test", "sbom/test"]) {
    await oras(["attach", "--plain-http", "--artifact-type", type, artifact, "notes.json:application/json"]);
  }
  const discovered = await oras([
    "discover",
    "--plain-http",
    "--format",
    "json",
    "--artifact-type",
    "sbom/test",
    artifact,
  ]);
  expect(JSON.parse(discovered).referrers).toMatchObject([{ artifactType: "sbom/test" }]);
  const copy = `${host}/oras/copy:1`;
  await oras(["copy", "-r", "--from-plain-http", "--to-plain-http", artifact, copy]);
  expect(JSON.parse(await oras(["discover", "--plain-http", "--format", "json", copy])).referrers).toHaveLength(2);
  await oras(["tag", "--plain-http", artifact, "2", "3"]);
  expect(await oras(["repo", "tags", "--plain-http", `${host}/oras/artifact`])).toBe("1\n2\n3");
  expect((await oras(["repo", "ls", "--plain-http", host])).split("\n")).toContain("oras/copy");
  await oras(["manifest", "index", "create", "--plain-http", `${host}/oras/artifact:both`, "1", "2"]);
  await oras(["manifest", "delete", "--plain-http", "-f", copy]);
  await oras(["pull", "--plain-http", "-o", "out", copy], "refused");
}

/** Images made, changed, copied, checked and removed without a daemon. */
export async function useCrane(host: string, folder: string): Promise<void> {
  const crane = (words: string[], outcome?: "refused") => runTool(folder, ["crane", "--insecure", ...words], outcome);
  await Bun.write(join(folder, "one"), "one");
  await Bun.write(join(folder, "two"), "two");
  for (const name of ["one", "two"]) await run(["tar", "-cf", `${name}.tar`, name], { cwd: folder });
  const image = (tag: string, path = "crane/app") => `${host}/${path}:${tag}`;
  await crane(["append", "--new_layer", "one.tar", "--new_tag", image("1")]);
  await crane(["append", "-b", image("1"), "--new_layer", "two.tar", "--new_tag", image("2")]);
  await crane(["mutate", image("2"), "--label", "a=b", "-t", image("3")]);
  expect(JSON.parse(await crane(["config", image("3")])).config.Labels).toEqual({ a: "b" });
  await crane(["index", "append", "-m", image("1"), "-m", image("3"), "-t", image("list")]);
  for (const tag of ["3", "list"]) await crane(["validate", "--remote", image(tag)]);
  await crane(["copy", "-a", `${host}/crane/app`, `${host}/crane/copy`]);
  expect(await crane(["ls", `${host}/crane/copy`])).toBe("1\n2\n3\nlist");
  expect((await crane(["catalog", host])).split("\n")).toContain("crane/copy");
  const digest = await crane(["digest", image("3")]);
  expect(await crane(["digest", image("3", "crane/copy")])).toBe(digest);
  await crane(["pull", image("3"), "image.tar"]);
  await crane(["push", "image.tar", image("pushed")]);
  await crane(["delete", `${host}/crane/copy@${digest}`]);
  await crane(["digest", image("3", "crane/copy")], "refused");
}

/** Whole repositories on their way: out to a directory, back, and within the registry. Needs what useCrane() left. */
export async function useSkopeo(host: string, folder: string): Promise<void> {
  const skopeo = (words: string[]) => runTool(folder, ["skopeo", ...words]);
  const both = ["--src-tls-verify=false", "--dest-tls-verify=false"];
  await skopeo(["copy", "-q", "--all", ...both, `docker://${host}/crane/app:list`, `docker://${host}/skopeo/app:list`]);
  const raw = ["inspect", "--raw", "--tls-verify=false"];
  const source = await skopeo([...raw, `docker://${host}/crane/app:list`]);
  expect(await skopeo([...raw, `docker://${host}/skopeo/app:list`])).toBe(source);
  const synced = join(folder, "synced");
  await skopeo([
    "sync",
    "--all",
    "--src-tls-verify=false",
    "--src",
    "docker",
    "--dest",
    "dir",
    `${host}/crane/app`,
    synced,
  ]);
  await skopeo([
    "sync",
    "--all",
    "--dest-tls-verify=false",
    "--src",
    "dir",
    "--dest",
    "docker",
    synced,
    `${host}/back`,
  ]);
  await skopeo([
    "sync",
    "--all",
    ...both,
    "--src",
    "docker",
    "--dest",
    "docker",
    `${host}/crane/app`,
    `${host}/beside`,
  ]);
  expect(await skopeo([...raw, `docker://${host}/back/app:list`])).toBe(source);
  const listed = await skopeo(["list-tags", "--tls-verify=false", `docker://${host}/beside/app`]);
  expect(JSON.parse(listed).Tags).toEqual(["1", "2", "3", "list", "pushed"]);
  await skopeo(["delete", "--tls-verify=false", `docker://${host}/beside/app:list`]);
}
