/**
 * login, logout, search and manifest: naru's client beside docker's, both at naru's daemon, with Debian's registry behind a
 * login. Where docker's words are prose, naru's are its own and are left out of the comparison.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DOCKER, type Finished, NARU, type RunOptions, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { type DebianRegistry, startDebianRegistry } from "../support/debian-registry.ts";
import { pushImage, testRepository } from "../support/registry-content.ts";
import { startScriptedRegistry } from "../support/scripted-registry.ts";
import { makeAuthority } from "../support/test-authority.ts";
import { startTokenServer } from "../support/token-server.ts";

let daemon: TestDaemon;
let registry: DebianRegistry;
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-commands-"));
  registry = await startDebianRegistry({ users: { user: "secret" } });
  daemon = await startDaemon();
});
afterAll(async () => {
  await Promise.all([daemon?.stop(), registry?.[Symbol.asyncDispose]()]);
  await rm(scratch, { recursive: true, force: true });
});

/** A client with a configuration of its own. */
interface Client {
  name: string;
  configDir: string;
  run(words: string[], options?: RunOptions): Promise<Finished>;
  config(): Promise<unknown>;
}

let clients = 0;
async function openClient(program: "docker" | "naru", config: object = {}): Promise<Client> {
  const configDir = join(scratch, `config-${++clients}`);
  await mkdir(configDir);
  await writeFile(join(configDir, "config.json"), JSON.stringify(config));
  const env = { ...daemon.env, DOCKER_CONFIG: configDir, PATH: `${scratch}/bin:${process.env.PATH}`, HOME: configDir };
  return {
    name: program,
    configDir,
    run: (words, options = {}) =>
      run([program === "docker" ? DOCKER : NARU, ...words], { ...options, env: { ...env, ...options.env } }),
    config: () => Bun.file(join(configDir, "config.json")).json(),
  };
}

/** What both clients answer must be the same, naru's name and its own prose aside. */
function plain({ code, stdout, stderr }: Finished, client: Client): Finished {
  const bare = (text: string) =>
    text
      .replaceAll(client.configDir, "CONFIG")
      .replace(/\nWARNING! (Your credentials are|The login is)[^\n]*\n(.+\n)*\n/, "[unencrypted]")
      .replace(/ Info -> To log.*\n/, "[info]")
      .replaceAll("naru", "docker")
      .replace("SRun", "See");
  return { code, stdout: bare(stdout), stderr: bare(stderr) };
}

describe("login and logout beside docker", () => {
  const SCENES: [words: string[], stdin?: string][] = [
    [["login", "-u", "user", "-p", "secret", "HOST"]],
    [["login", "HOST"]],
    [["login", "-u", "user", "-p", "wrong", "HOST"]],
    [["logout", "HOST"]],
    [["logout", "HOST"]],
    [["login", "HOST"]],
    [["login", "-u", "user", "HOST"]],
    [["login", "-u", "user", "--password-stdin", "HOST"], "secret\n"],
    [["login", "-u", "user", "--password-stdin", "http://HOST/v2/"], "secret\r\n"],
    [["login", "-u", "user", "--password-stdin", "HOST"], ""],
    [["login", "--password-stdin", "HOST"], "secret"],
    [["login", "-u", "user", "-p", "x", "--password-stdin", "HOST"], "secret"],
    [["login", "-u", "", "-p", "x", "HOST"]],
    [["login", "-u", "user", "-p", "", "HOST"]],
    [["login", "-u", "user", "-p", "x", "127.0.0.1:1"]],
    [["login", "one", "two"]],
    [["logout", "one", "two"]],
    [["logout"]],
  ];
  test("every scene, output and file", async () => {
    const [docker, naru] = await Promise.all([openClient("docker"), openClient("naru")]);
    for (const [words, stdin] of SCENES) {
      const command = words.map((word) => word.replace("HOST", registry.host));
      const [theirs, ours] = [await docker.run(command, { stdin }), await naru.run(command, { stdin })];
      expect({ command, ...plain(ours, naru) }).toEqual({ command, ...plain(theirs, docker) });
      expect({ command, config: await naru.config() }).toEqual({ command, config: await docker.config() });
    }
    expect((await stat(join(naru.configDir, "config.json"))).mode & 0o777).toBe(0o600);
  });

  test("an identity token takes the password's place", async () => {
    const authority = await makeAuthority(join(scratch, "authority"));
    const { certPath, keyPath } = authority.server;
    await using tokens = startTokenServer({ certPath, keyPath, users: { user: "secret" }, refreshToken: "refresh" });
    await using guarded = await startDebianRegistry({ token: { ...tokens, rootCertPath: authority.caPath } });
    const configs: unknown[] = [];
    for (const program of ["docker", "naru"] as const) {
      const client = await openClient(program);
      const login = await client.run(["login", "-u", "user", "--password-stdin", guarded.host], { stdin: "secret" });
      expect(login).toMatchObject({ code: 0, stdout: "Login Succeeded\n" });
      configs.push(await client.config());
      if (program === "naru") {
        // The token alone logs in again; docker's client asks for the password.
        expect(await client.run(["login", guarded.host])).toMatchObject({ code: 0 });
        expect(tokens.requests.at(-1)).toMatchObject({ method: "POST" });
      }
      const bad = await client.run(["login", "-u", "user", "-p", "bad", guarded.host]);
      expect(bad.stderr).toContain(
        `Error response from daemon: Get "http://${guarded.host}/v2/": unauthorized: incorrect username or password`,
      );
    }
    expect(configs[1]).toEqual(configs[0]);
    expect(configs[1]).toEqual({ auths: { [guarded.host]: { auth: btoa("user:"), identitytoken: "refresh" } } });
  });

  test("without a daemon the client asks the registry itself", async () => {
    const naru = await openClient("naru");
    const env = { DOCKER_HOST: `unix://${scratch}/nobody.sock` };
    const words = ["login", "-u", "user", "--password-stdin", registry.host];
    expect(await naru.run(words, { env, stdin: "wrong" })).toMatchObject({
      code: 1,
      stderr: `login attempt to http://${registry.host}/v2/ failed with status: 401 Unauthorized\n`,
    });
    expect(await naru.run(words, { env, stdin: "secret" })).toMatchObject({ code: 0, stdout: "Login Succeeded\n" });
    expect(await naru.config()).toEqual({ auths: { [registry.host]: { auth: btoa("user:secret") } } });
  });

  test("asked for at the terminal, the password does not show", async () => {
    const naru = await openClient("naru");
    // Python's pty: what is typed, and what the terminal shows.
    const script = `
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
shown = b""
def until(text):
    global shown
    while text not in shown: shown += os.read(fd, 1000)
until(b"Username: "); os.write(fd, b"user\\n"); until(b"Password: "); time.sleep(0.1); os.write(fd, b"secret\\n")
try:
    while True:
        more = os.read(fd, 1000)
        if not more: break
        shown += more
except OSError: pass
print(shown.decode()); sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`;
    const env = { ...daemon.env, DOCKER_CONFIG: naru.configDir };
    const shown = await run(["python3", "-c", script, NARU, "login", registry.host], { env });
    expect(shown).toMatchObject({ code: 0 });
    expect(shown.stdout).toContain("Login Succeeded");
    expect(shown.stdout).not.toContain("secret");
    expect(await naru.config()).toEqual({ auths: { [registry.host]: { auth: btoa("user:secret") } } });
  });
});

describe("credential helpers", () => {
  /** A helper that keeps one login in a file and notes what it is asked. */
  async function makeHelper(name: string): Promise<{ log(): Promise<string[]> }> {
    const at = join(scratch, `helper-${name}`);
    await mkdir(join(scratch, "bin"), { recursive: true });
    const program = join(scratch, "bin", `docker-credential-${name}`);
    await writeFile(
      program,
      `#!/bin/sh
in=$(cat); echo "$1 $in" >>${at}.log
case $1 in
  store) echo "$in" >${at};;
  get) if [ -s ${at} ]; then cat ${at}; else echo "credentials not found in native keychain"; exit 1; fi;;
  erase) : >${at};;
  list) echo '{}';;
esac
`,
    );
    await chmod(program, 0o755);
    return {
      async log() {
        const file = Bun.file(`${at}.log`);
        const lines = (await file.exists()) ? (await file.text()).split("\n").filter(Boolean) : [];
        await rm(`${at}.log`, { force: true });
        await rm(at, { force: true });
        return lines;
      },
    };
  }

  test.each([
    ["for all registries", (name: string) => ({ credsStore: name })],
    ["for one", (name: string) => ({ credsStore: "absent", credHelpers: { [registry.host]: name } })],
  ])("%s: what they are asked, and what stands in the file", async (what, config) => {
    const name = `stub${what.length}`;
    const helper = await makeHelper(name);
    const results: unknown[] = [];
    for (const program of ["docker", "naru"] as const) {
      const client = await openClient(program, config(name));
      const login = await client.run(["login", "-u", "user", "-p", "secret", registry.host]);
      const file = await client.config();
      const again = await client.run(["login", registry.host]);
      const logout = await client.run(["logout", registry.host]);
      const log = await helper.log();
      // Docker's client erases the same name twice.
      const asked = log.filter((line, at) => line !== log[at - 1]);
      const told = [login, again, logout].map((result) => plain(result, client));
      results.push({ told, file, after: await client.config(), asked: what === "for one" ? asked.slice(0, 4) : asked });
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[1]).toMatchObject({ file: { auths: { [registry.host]: {} } } });
  });

  test("one that is not there is named, and nothing is kept", async () => {
    const naru = await openClient("naru", { credsStore: "nowhere" });
    const login = await naru.run(["login", "-u", "user", "--password-stdin", registry.host], { stdin: "secret" });
    expect(login).toMatchObject({
      code: 1,
      stderr:
        'Error saving credentials: error storing credentials - err: exec: "docker-credential-nowhere": executable file not found in $PATH, out: ``\n',
    });
    expect(await naru.config()).toEqual({ credsStore: "nowhere" });
  });

  test("a login with a helper is sent along by pull and push", async () => {
    const helper = await makeHelper("carry");
    const naru = await openClient("naru", { credsStore: "carry" });
    const name = `${registry.host}/carried`;
    const credentials = { username: "user", password: "secret" };
    await pushImage(testRepository(registry.host, "carried", { credentials }), "1", { layer: await emptyLayer() });
    expect((await naru.run(["pull", `${name}:1`])).stderr).toContain("no basic auth credentials");
    await naru.run(["login", "-u", "user", "-p", "secret", registry.host]);
    expect(await naru.run(["pull", "-q", `${name}:1`])).toMatchObject({ code: 0, stdout: `${name}:1\n` });
    await naru.run(["tag", `${name}:1`, `${name}:2`]);
    expect(await naru.run(["push", "-q", `${name}:2`])).toMatchObject({ code: 0 });
    expect((await helper.log()).filter((line) => line.startsWith("get"))).toHaveLength(3);
  });
});

/** A layer that any engine unpacks. */
async function emptyLayer(): Promise<Uint8Array> {
  return new Uint8Array(10_240);
}

test("search beside docker, in all its formats", async () => {
  await using index = await startScriptedRegistry((request, response) => {
    if (!request.url.startsWith("/v1/search"))
      return request.url === "/v2/" ? undefined : response.writeHead(404).end();
    const results = [
      { name: "foo", description: `The ${"long ".repeat(20)}one`, star_count: 1234, is_official: true },
      { name: "someone/foo", description: "line\nbreak", star_count: 3, is_official: false },
      { name: "x/foo-bar", description: "", star_count: 0, is_official: false },
    ];
    response.end(JSON.stringify({ results: request.url.includes("q=none") ? [] : results }));
  });
  const [docker, naru] = await Promise.all([openClient("docker"), openClient("naru")]);
  const term = `${index.host}/foo`;
  for (const words of [
    [term],
    ["--no-trunc", term],
    ["--limit", "3", term],
    ["--limit", "101", term],
    ["--filter", "stars=3", term],
    ["--filter", "is-official=true", term],
    ["--filter", "stars=x", term],
    ["--filter", "unknown=1", term],
    ["--format", "json", term],
    ["--format", "{{.Name}} {{.StarCount}} {{.IsOfficial}}", term],
    ["--format", "table {{.Name}}\\t{{.Description}}", term],
    ["--format", "{{.IsAutomated}}", term],
    [`${index.host}/none`],
    ["http://x/y"],
    [],
  ]) {
    const [theirs, ours] = await Promise.all([docker.run(["search", ...words]), naru.run(["search", ...words])]);
    expect({ words, ...plain(ours, naru) }).toEqual({ words, ...plain(theirs, docker) });
  }
  expect(index.requests.at(0)!.headers["x-docker-token"]).toBe("true");
  expect(index.requests.at(0)!.headers["user-agent"]).toMatch(
    /^naru\/\S+ bun\/\S+ git-commit\/\S+ kernel\/\S+ os\/linux arch\/\S+$/,
  );
});

describe("manifest", () => {
  const list = (host: string) => `${host}/list`;

  test("lists made beside docker are the same to the byte, and pushed to the same digest", async () => {
    await using open = await startDebianRegistry();
    const { host } = open;
    await pushImage(testRepository(host, "one"), "1", { architecture: "amd64" });
    await pushImage(testRepository(host, "two"), "1", { architecture: "amd64" });
    await pushImage(testRepository(host, "list"), "arm", { architecture: "arm64" });
    const insecure = ["--insecure"];
    const scenes: string[][] = [
      ["inspect", ...insecure, `${host}/one:1`],
      ["inspect", ...insecure, "-v", `${host}/one:1`],
      ["inspect", ...insecure, `${host}/none:1`],
      ["create", ...insecure, `${list(host)}:1`, `${host}/one:1`, `${list(host)}:arm`],
      ["create", ...insecure, `${list(host)}:1`, `${host}/one:1`],
      ["create", ...insecure, "--amend", `${list(host)}:1`, `${host}/two:1`],
      ["create", ...insecure, `${host}/BAD:1`, `${host}/one:1`],
      ["create", ...insecure, `${list(host)}:2`, `${host}/none:1`],
      ["create", `${list(host)}:2`],
      [
        "annotate",
        `${list(host)}:1`,
        `${host}/two:1`,
        "--arch",
        "arm",
        "--variant",
        "v7",
        "--os-version",
        "1",
        "--os-features",
        "a,b",
      ],
      ["annotate", `${list(host)}:1`, `${host}/two:1`, "--os", "linux", "--arch", "pdp11"],
      ["annotate", `${list(host)}:1`, `${host}/none:1`, "--arch", "arm"],
      ["annotate", `${list(host)}:9`, `${host}/one:1`, "--arch", "arm"],
      ["inspect", `${list(host)}:1`],
      ["inspect", "-v", `${list(host)}:1`],
      ["inspect", `${list(host)}:1`, `${host}/two:1`],
      ["inspect", `${list(host)}:1`, `${host}/none:1`],
      ["push", ...insecure, "--purge", `${list(host)}:1`],
      ["push", ...insecure, `${list(host)}:1`],
      ["inspect", ...insecure, `${list(host)}:1`],
      ["inspect", ...insecure, "-v", `${list(host)}:1`],
      ["create", ...insecure, `${list(host)}:3`, `${list(host)}:1`],
      ["create", ...insecure, `${list(host)}:4`, `${host}/one:1`],
      ["rm", `${list(host)}:4`, `${list(host)}:9`],
      ["create", ...insecure, "127.0.0.1:1/other:1", `${host}/one:1`],
      ["push", ...insecure, "127.0.0.1:1/other:1"],
    ];
    const [docker, naru] = await Promise.all([openClient("docker"), openClient("naru")]);
    const files = async ({ configDir }: Client) => {
      const found: Record<string, string> = {};
      for (const folder of await readdir(join(configDir, "manifests")).catch(() => [])) {
        for (const name of await readdir(join(configDir, "manifests", folder))) {
          found[`${folder}/${name}`] = await Bun.file(join(configDir, "manifests", folder, name)).text();
        }
      }
      return found;
    };
    for (const words of scenes) {
      const command = ["manifest", ...words];
      const theirs = plain(await docker.run(command), docker);
      const ours = plain(await naru.run(command), naru);
      expect({ command, ...ours }).toEqual({ command, ...theirs });
      expect(await files(naru)).toEqual(await files(docker));
    }
  });

  test("with a login, for a list whose members must be brought from elsewhere", async () => {
    const credentials = { username: "user", password: "secret" };
    await pushImage(testRepository(registry.host, "member", { credentials }), "1");
    const naru = await openClient("naru");
    const member = `${registry.host}/member:1`;
    expect((await naru.run(["manifest", "inspect", member])).stderr).toContain("no basic auth credentials");
    await naru.run(["login", "-u", "user", "-p", "secret", registry.host]);
    const created = await naru.run(["manifest", "create", `${registry.host}/made:1`, member]);
    expect(created).toMatchObject({ code: 0, stdout: `Created manifest list ${registry.host}/made:1\n` });
    const pushed = await naru.run(["manifest", "push", `${registry.host}/made:1`]);
    expect(pushed.stdout).toMatch(/^Pushed ref .*\/made@(sha256:\w{64}) with digest: \1\nsha256:\w{64}\n$/);
    const made = testRepository(registry.host, "made", { credentials, actions: "pull" });
    expect(`${(await made.resolve("1")).digest}\n`).toBe(pushed.stdout.split("\n").slice(1).join("\n"));
  });
});
