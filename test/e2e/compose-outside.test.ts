// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of Compose files look like those of JavaScript
/** What Compose projects get from outside: providers, models, the engine's socket, files of git repositories. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { chmod, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerInspect } from "../../src/model/container.ts";
import { ComposeFolders } from "../support/compose-folders.ts";
import { eventually, NARU, run, type TestDaemon } from "../support/daemon.ts";

let project: ComposeFolders;
let daemon: TestDaemon;
let root: string;

beforeAll(async () => {
  project = await ComposeFolders.open();
  ({ daemon, root } = project);
  const auth = Buffer.from("user:secret").toString("base64");
  await Bun.write(join(root, "config/config.json"), JSON.stringify({ auths: { "registry.example": { auth } } }));
  await program("bin/cloud", PROVIDER);
});
afterEach(async () => {
  const { stdout } = await daemon.naru(["ps", "-aq"]);
  if (stdout !== "") await daemon.naru(["rm", "-f", ...stdout.trim().split("\n")]);
  await daemon.naru(["network", "prune", "-f"]);
  await calls();
});
afterAll(() => project?.stop());

/** Writes down how it was called, and tells a variable. */
const PROVIDER = `#!/bin/sh
[ "$2" = metadata ] && cat "$METADATA" && exit
echo "$@" >>"$CALLS"
echo '{"type":"info","message":"on it"}'
[ -n "$FAILS" ] && echo '{"type":"error","message":"no quota left"}'
[ "$3" = up ] && echo '{"type":"setenv","message":"URL=http://cloud/1"}'
exit 0
`;

async function program(name: string, text: string): Promise<void> {
  await Bun.write(join(root, name), text);
  await chmod(join(root, name), 0o755);
}

const environment = () => ({
  DOCKER_CONFIG: join(root, "config"),
  PATH: `${join(root, "bin")}:${process.env.PATH}`,
  CALLS: join(root, "calls"),
  METADATA: "/dev/null",
});
/** Runs naru with this Compose file; the programs write into `calls`. */
async function naru(text: string, words: string[], more: Record<string, string> = {}) {
  await project.use("folder", text);
  return await project.naru(["--progress", "plain", ...words], { env: { ...environment(), ...more } });
}
/** Runs the real one with this Compose file, without the logins of `environment`. */
async function docker(text: string, words: string[], more: Record<string, string> = {}) {
  await project.use("folder", text);
  const { DOCKER_CONFIG: _, ...env } = environment();
  return await project.docker(words, { env: { ...env, ...more } });
}

async function calls(): Promise<string[]> {
  const path = join(root, "calls");
  const file = Bun.file(path);
  const lines = (await file.exists()) ? (await file.text()).trim().split("\n") : [];
  await rm(path, { force: true });
  return lines;
}
const inspect = async (name: string) =>
  (await (await daemon.api("GET", `/containers/${name}/json`)).json()) as ContainerInspect;

const PROVIDED = `
name: outside
services:
  db: {provider: {type: cloud, options: {size: "3"}}}
  web: {image: busybox, command: sleep 1000, stop_signal: KILL, depends_on: [db]}
`;

test("a provider is called in the place of containers, and tells its dependents variables", async () => {
  const plan = await naru(PROVIDED, ["up", "--dry-run"]);
  expect(plan.stdout).toContain("call    Provider of db");
  expect(await calls()).toEqual([]);
  const up = await naru(PROVIDED, ["up", "-d"]);
  expect([up.code, up.stderr]).toEqual([0, expect.stringContaining(" db on it\n db Created")]);
  expect(await calls()).toEqual(["compose --project-name=outside up --size=3 db"]);
  const first = await inspect("outside-web-1");
  expect(first.Config.Env).toContain("DB_URL=http://cloud/1");
  // The real one finds nothing changed.
  const real = await docker(PROVIDED, ["up", "-d"]);
  expect([real.code, real.stderr]).toEqual([0, expect.stringContaining("outside-web-1  Running")]);
  expect((await inspect("outside-web-1")).Id).toBe(first.Id);
  const oneOff = await naru(PROVIDED, ["run", "--rm", "-T", "web", "env"]);
  expect(oneOff.stdout).toContain("DB_URL=http://cloud/1");
  expect((await naru(PROVIDED, ["run", "db"])).stderr).toContain('service "db" has a provider');
  await calls();
  expect((await naru(PROVIDED, ["down"])).code).toBe(0);
  expect(await calls()).toEqual(["compose --project-name=outside down --size=3 db"]);
});

test("a rebuild while watching keeps what a provider told", async () => {
  const text = `
name: outside
services:
  db: {provider: {type: cloud}}
  web:
    build: {context: ., dockerfile_inline: "FROM busybox\\nCOPY level /level\\n"}
    command: sleep 1000
    stop_signal: KILL
    depends_on: [db]
    develop: {watch: [{path: ./level, action: rebuild}]}
`;
  const level = join(root, "folder/level");
  await Bun.write(level, "1");
  await naru(text, ["up", "-d"]);
  const child = Bun.spawn([NARU, "compose", "watch", "--no-up"], {
    cwd: join(root, "folder"),
    env: { ...process.env, ...daemon.env, ...environment() },
    stdout: "pipe",
    stderr: "ignore",
  });
  let told = "";
  void (async () => {
    for await (const bytes of child.stdout) told += new TextDecoder().decode(bytes);
  })();
  try {
    await eventually(() => told.includes("Watch enabled"), 30_000);
    await Bun.write(level, "2");
    await eventually(() => told.includes("successfully built"), 30_000);
  } finally {
    child.kill("SIGINT");
    await child.exited;
  }
  expect((await naru(text, ["exec", "-T", "web", "cat", "/level"])).stdout).toBe("2");
  expect((await inspect("outside-web-1")).Config.Env).toContain("DB_URL=http://cloud/1");
});

test("a provider's own words count: which options it takes, why it fails, where it is missing", async () => {
  const metadata = join(root, "metadata.json");
  const parameters = [{ name: "region", required: true }];
  await Bun.write(metadata, JSON.stringify({ description: "c", up: { parameters }, down: { parameters } }));
  const lacks = await naru(PROVIDED, ["up", "-d"], { METADATA: metadata });
  expect([lacks.code, lacks.stderr]).toEqual([1, expect.stringContaining('required parameter "region" is missing')]);
  const regional = PROVIDED.replace('size: "3"', 'size: "3", region: here');
  await naru(regional, ["up", "-d", "db"], { METADATA: metadata });
  expect(await calls()).toEqual(["compose --project-name=outside up --region=here db"]);
  const fails = await naru(PROVIDED, ["up", "-d"], { FAILS: "1" });
  expect([fails.code, fails.stderr]).toEqual([1, expect.stringContaining("no quota left")]);
  const nobody = await naru(PROVIDED.replace("type: cloud", "type: nobody-has-this"), ["up", "-d"]);
  expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining("install the program nobody-has-this")]);
  await calls();
  await program("config/other", '#!/bin/sh\necho called >>"$CALLS"\n');
  const outside = await naru(PROVIDED.replace("type: cloud", "type: /../../other"), ["up", "-d"]);
  expect([outside.code, outside.stderr]).toEqual([1, expect.stringContaining('provider "/../../other" is not here')]);
  expect(await calls()).toEqual([]);
});

test("models: variables for an address that is named, or for docker's plugin, else it is told what is missing", async () => {
  const text = (more: string) => `
name: outside
models: {llm: {model: ai/small, context_size: 100${more}}}
services:
  a: {image: busybox, command: sleep 1000, models: [llm]}
  b: {image: busybox, command: sleep 1000, models: {llm: {model_var: M, endpoint_var: U}}}
`;
  const nobody = await naru(text(""), ["create"]);
  expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining("nobody serves the model llm")]);
  await naru(text(", x-naru-endpoint: 'http://elsewhere/v1'"), ["create"]);
  expect((await inspect("outside-a-1")).Config.Env).toEqual(
    expect.arrayContaining(["LLM_MODEL=ai/small", "LLM_URL=http://elsewhere/v1"]),
  );
  expect((await inspect("outside-b-1")).Config.Env).toEqual(
    expect.arrayContaining(["M=ai/small", "U=http://elsewhere/v1"]),
  );
  const plugin = `#!/bin/sh
echo "$@" >>"$CALLS"
case $1 in status) echo '{"endpoint":"http://runner/v1"}' ;; ls) echo '[]' ;; esac
`;
  await program("config/cli-plugins/docker-model", plugin);
  expect((await naru(text(""), ["create"])).code).toBe(0);
  expect((await inspect("outside-a-1")).Config.Env).toContain("LLM_URL=http://runner/v1");
  expect(await calls()).toEqual([
    "ls --json",
    "pull ai/small",
    "configure --context-size 100 ai/small",
    "status --json",
  ]);
});

test("use_api_socket: the engine's socket and the user's logins", async () => {
  const text = `
name: outside
services:
  tool: {image: busybox, command: sleep 1000, stop_signal: KILL, use_api_socket: true}
  other: {image: busybox, command: sleep 1000, stop_signal: KILL}
`;
  expect((await naru(text, ["up", "-d"])).code).toBe(0);
  const { Mounts, Config } = await inspect("outside-tool-1");
  expect(Mounts).toMatchObject([{ Source: daemon.socketPath, Destination: "/var/run/docker.sock" }]);
  expect(Config.Env).toContain("DOCKER_CONFIG=/run/secrets/docker");
  const read = await naru(text, ["cp", "tool:/run/secrets/docker/config.json", "-"]);
  expect(read.stdout).toContain(`"auth": "${Buffer.from("user:secret").toString("base64")}"`);
  expect((await inspect("outside-other-1")).Mounts).toEqual([]);
});

test("--dry-run of run, exec, attach, wait and watch tells what would be done", async () => {
  const text = `
name: outside
services:
  web:
    image: busybox
    command: sleep 1000
    stop_signal: KILL
    depends_on: [db]
    develop: {watch: [{path: ., action: sync, target: /src}]}
  db: {image: busybox, command: sleep 1000, stop_signal: KILL}
`;
  const once = await naru(text, ["--dry-run", "run", "--name", "once", "web", "echo", "a b"]);
  expect(once.stdout).toContain("create  Container outside-db-1");
  expect(once.stdout).toContain("create  Container once");
  expect(once.stdout).toEndWith("Would run echo 'a b' in once\n");
  expect((await daemon.naru(["ps", "-aq"])).stdout).toBe("");
  await naru(text, ["up", "-d"]);
  const TOLD: [string[], string][] = [
    [["exec", "web", "rm", "-rf", "/home"], "Would run rm -rf /home in outside-web-1\n"],
    [["attach", "web"], "Would connect this terminal to outside-web-1\n"],
    [["wait", "web"], "Would wait for the end of outside-web-1\n"],
    [["watch", "--no-up"], `Would watch ${join(root, "folder")} for web: sync to /src\n`],
  ];
  for (const [words, told] of TOLD) {
    const { code, stdout } = await naru(text, ["--dry-run", ...words]);
    expect([code, stdout]).toEqual([0, told]);
  }
  expect((await naru(text, ["exec", "-T", "web", "ls", "-d", "/home"])).stdout).toBe("/home\n");
});

test("files of git repositories: -f, COMPOSE_FILE, include and extends, as docker compose reads them", async () => {
  const source = join(root, "source");
  const git = async (...words: string[]) => {
    const identity = ["-c", "user.name=n", "-c", "user.email=e@example", "-c", "init.defaultBranch=main"];
    const end = await run(["git", ...identity, "-C", source, ...words]);
    if (end.code !== 0) throw new Error(end.stderr);
  };
  await Bun.write(
    join(source, "compose.yaml"),
    "services: {web: {image: busybox, build: ., volumes: ['./data:/data']}}\n",
  );
  await Bun.write(join(source, "sub/compose.yaml"), 'services: {inner: {image: busybox, command: "${WORD:-none}"}}\n');
  await Bun.write(join(source, "sub/.env"), "WORD=inner\n");
  await symlink("/etc/passwd", join(source, "out.yaml"));
  await git("init", "--quiet");
  await git("add", ".");
  await git("commit", "--quiet", "-m", "one");
  await git("tag", "-a", "v1", "-m", "v1");
  const address = "https://git.example/team/repo.git";
  const env = {
    XDG_CACHE_HOME: join(root, "cache-of-naru"),
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: `url.file://${source}.insteadOf`,
    GIT_CONFIG_VALUE_0: address,
  };
  const including = `
include: ["${address}#main:sub"]
services:
  own: {extends: {file: "${address}#v1", service: web}}
`;
  // Each fetches them itself: docker compose's copy is not whole from the start.
  const theirEnv = { ...env, XDG_CACHE_HOME: join(root, "cache-of-docker") };
  const CASES: [string[], string][] = [
    [["-f", address, "config"], "source: "],
    [["-f", `${address}#v1:sub`, "config"], "- none"],
    [["-f", `${address}?branch=main&subdir=sub/compose.yaml`, "config"], "- none"],
    [["config"], "- inner"],
  ];
  for (const [words, part] of CASES) {
    const ours = await naru(including, words, env);
    const theirs = await docker(including, words, theirEnv);
    const stdout = theirs.stdout.replaceAll(theirEnv.XDG_CACHE_HOME, env.XDG_CACHE_HOME);
    expect([ours.stdout, ours.stderr]).toEqual([stdout, ""]);
    expect(ours.stdout).toContain(part);
  }
  const byVariable = await naru("", ["config", "--services"], { ...env, COMPOSE_FILE: `${address}#v1:sub` });
  expect(byVariable.stdout).toBe("inner\n");
  const FAILURES: [string, string][] = [
    [`${address}#nowhere`, "repository does not contain ref"],
    [`${address}#v1:nothing`, "the repository has no nothing"],
    [`${address}#v1:../..`, "path traversal"],
    [`${address}#v1:out.yaml`, "leads out of the repository"],
    ["https://git.example/other.git", "failed to access repository"],
  ];
  for (const [file, words] of FAILURES) {
    const end = await naru("", ["-f", file, "config"], { ...env, GIT_ALLOW_PROTOCOL: "file" });
    expect([end.code, end.stderr]).toEqual([1, expect.stringContaining(words)]);
  }
});
