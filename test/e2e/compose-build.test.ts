// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of Compose files look like those of JavaScript
/** Commands of `naru compose` that have to do with images and registries: build, push, pull, publish. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ComposeFolders } from "../support/compose-folders.ts";
import { DOCKER, eventually, run } from "../support/daemon.ts";
import { startNaruRegistry } from "../support/naru-registry.ts";

let project: ComposeFolders;
beforeAll(async () => {
  project = await ComposeFolders.open();
});
afterAll(() => project?.stop());

describe("build", () => {
  beforeAll(() =>
    project.use(
      "made",
      `
services:
  web:
    build:
      context: ./web
      args: {LEVEL: "1", OPEN: }
      labels: {own: label}
      secrets: [token]
      tags: ["made-extra:1"]
      additional_contexts: {base: "service:base"}
      extra_hosts: ["elsewhere=10.0.0.9"]
    command: cat /told
  base:
    build: {context: ., dockerfile_inline: "FROM busybox\\nRUN echo base > /base\\n"}
  broken:
    profiles: [broken]
    build: {context: ., dockerfile_inline: "FROM busybox\\nRUN echo about to fail; exit 3\\n"}
  plain: {image: busybox}
secrets: {token: {environment: TOKEN}}
`,
    ),
  );
  beforeAll(async () => {
    await project.write(
      "web/Dockerfile",
      "FROM base\nARG LEVEL\nARG OPEN\nRUN --mount=type=secret,id=token (cat /base; echo $LEVEL $OPEN; cat /run/secrets/token; grep -c elsewhere /etc/hosts) > /told\n",
    );
  });

  const env = { OPEN: "2", TOKEN: "geheim" };

  test("the file for bake is docker compose's", async () => {
    const theirs = await project.docker(["build", "--print"], { env });
    const ours = await project.naru(["build", "--print"], { env });
    // docker compose's targets come in any order.
    const lines = (text: string) => text.replaceAll(",\n", "\n").split("\n").sort();
    expect(lines(ours.stdout)).toEqual(lines(theirs.stdout));
  });

  test("makes all images with one display, a service on another's image", async () => {
    const built = await project.naru(["build", "--build-arg", "LEVEL=3"], { env });
    expect(built.code).toBe(0);
    expect(built.stderr).toMatch(/^#\d+ \[base 2\/2\] RUN echo base > \/base$/m);
    expect(built.stderr).toMatch(/^#\d+ \[web internal\] load build definition/m);
    expect(built.stderr).toContain(" made-web  Built\n");
    expect((await project.naru(["run", "--rm", "-T", "web"])).stdout).toBe("base\n3 2\ngeheim1\n");
    const [image] = JSON.parse((await project.daemon.naru(["image", "inspect", "made-extra:1"])).stdout) as [
      { Config: { Labels: object }; RepoTags: string[] },
    ];
    expect(image.Config.Labels).toMatchObject({
      own: "label",
      "com.docker.compose.service": "web",
      "com.docker.compose.project": "made",
    });
    expect(image.RepoTags.sort()).toEqual(["made-extra:1", "made-web:latest"]);
  });

  test("what fails is told with its last lines", async () => {
    const { code, stderr } = await project.naru(["build", "-q", "broken"]);
    expect(code).toBe(1);
    expect(stderr).toContain('target broken: failed to solve: process "/bin/sh -c echo about to fail; exit 3"');
    const loud = await project.naru(["build", "broken"]);
    expect(loud.stderr).toMatch(/ > \[broken 2\/2\][^\n]*\n\d+\.\d+ about to fail\n/);
  });

  test("--check looks for mistakes and builds nothing; --dry-run tells", async () => {
    await project.write("web/lint.Dockerfile", "from busybox AS x\nRUN echo\n");
    await project.write("lint.yaml", "services: {a: {build: {context: ./web, dockerfile: lint.Dockerfile}}}\n");
    const { code, stdout } = await project.naru(["-f", "lint.yaml", "build", "--check"]);
    expect(code).toBe(1);
    expect(stdout).toContain("FromAsCasing");
    expect((await project.naru(["--dry-run", "build", "base"])).stdout).toContain("Would build made-base for base");
  });

  test("Ctrl-C ends all builds and leaves nothing", async () => {
    const slow = (name: string) =>
      `${name}: {build: {context: ., dockerfile_inline: "FROM busybox\\nRUN sleep 7654\\n"}}`;
    await project.write("slow.yaml", `services:\n  ${slow("one")}\n  ${slow("two")}\n`);
    const building = project.follow(["-f", "slow.yaml", "--progress", "plain", "build", "--no-cache"]);
    const isRunning = () => /\] RUN sleep 7654/.test(building.told.text);
    await eventually(isRunning, 30_000);
    building.child.kill("SIGINT");
    expect(await building.ended()).toBe(130);
    await eventually(async () => !(await run(["ps", "-eo", "args"])).stdout.includes("sleep 7654"));
    expect(building.told.text).toContain("CANCELED");
  });

  test("a builder that there is not, and --no-rm, are refused", async () => {
    expect((await project.naru(["build", "--builder", "remote", "base"])).stderr).toContain("naru has one builder");
    expect((await project.naru(["build", "--no-rm"])).stderr).toContain("--no-rm cannot be");
  });
});

describe("push and pull", () => {
  test("what the project builds goes to its registry and comes back", async () => {
    await using registry = await startNaruRegistry();
    const name = `${registry.host}/team/made:1`;
    await project.use(
      "moved",
      `
services:
  a: {image: "${name}", build: {context: ., dockerfile_inline: "FROM busybox\\nRUN echo 1 > /one\\n"}}
  b: {image: "${registry.host}/team/missing:1", profiles: [missing]}
  kept: {image: "${registry.host}/team/kept:1", pull_policy: never}
`,
    );
    expect((await project.naru(["build"])).code).toBe(0);
    const pushed = await project.naru(["--progress", "plain", "push"]);
    expect(pushed.stderr).toContain(" a Pushed\n");
    expect(pushed.stderr).toContain(" kept Skipped\n");
    await project.daemon.naru(["rmi", name]);
    const pulled = await project.naru(["--progress", "plain", "pull"]);
    expect(pulled.stderr).toContain(" a Pulled\n");
    expect((await project.daemon.naru(["image", "inspect", name])).code).toBe(0);
    expect((await project.naru(["pull", "--policy", "missing", "a"])).stderr).toContain("already present locally");
    expect((await project.naru(["pull", "--ignore-buildable", "a"])).stderr).toContain("Image can be built");
    const missing = await project.naru(["pull", "b"]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain("team/missing:1 not found");
    expect((await project.naru(["--profile", "missing", "pull", "--ignore-pull-failures"])).code).toBe(0);
    const json = await project.naru(["--progress", "json", "pull", "a"]);
    expect(
      json.stderr
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as object)
        .at(-1),
    ).toMatchObject({ id: "a", text: "Pulled" });
  });
});

describe("publish", () => {
  test("docker compose and naru read each other's projects from a registry", async () => {
    await using registry = await startNaruRegistry({ isTls: true, flags: ["--tls-self-signed", "127.0.0.1"] });
    const certificate = join(registry.root, "tls/certificate.pem");
    const config = join(project.root, "publish-config");
    await cp(project.daemon.env.DOCKER_CONFIG!, config, { recursive: true });
    await mkdir(join(config, "certs.d", registry.host), { recursive: true });
    await cp(certificate, join(config, "certs.d", registry.host, "ca.crt"));
    const env = {
      DOCKER_CONFIG: config,
      SSL_CERT_FILE: certificate,
      XDG_CACHE_HOME: join(project.root, "cache"),
      HOME: project.root,
    };
    await project.use("sent", 'services: {a: {image: busybox, environment: {A: "${LEVEL:-1}"}, command: echo sent}}\n');
    const docker = (words: string[]) => run([DOCKER, "compose", ...words], project.options({ env }));
    const [ours, theirs] = [`${registry.host}/team/ours:1`, `${registry.host}/team/theirs:1`];
    expect((await project.naru(["publish", ours], { env })).stderr).toContain("--with-env");
    expect((await project.naru(["publish", "-y", "--with-env", ours], { env })).code).toBe(0);
    expect((await docker(["publish", "-y", "--with-env", theirs])).code).toBe(0);
    const level = { ...env, LEVEL: "5" };
    const wanted = (await project.naru(["config"], { env: level })).stdout;
    const read = await run([DOCKER, "compose", "-f", `oci://${ours}`, "config"], project.options({ env: level }));
    expect(read.stdout).toBe(wanted);
    for (const address of [ours, theirs]) {
      expect((await project.naru(["-f", `oci://${address}`, "config"], { env: level })).stdout).toBe(wanted);
    }
    const missing = await project.naru(["-f", `oci://${registry.host}/team/nobody:1`, "config"], { env });
    expect(missing.stderr).toContain("manifest unknown");
  });

  test("what a project names goes along: extended and included files, env files; its images with --app", async () => {
    await using registry = await startNaruRegistry();
    const cache = { XDG_CACHE_HOME: join(project.root, "cache-of-app") };
    await project.use(
      "whole",
      `
include: [parts/more.yaml]
services:
  web:
    image: ${registry.host}/team/web:1
    build: {dockerfile_inline: "FROM busybox\\nRUN echo 1 > /made\\n"}
    extends: {file: "parts/base.yaml", service: base}
    env_file: [{path: "web.env"}, {path: none.env, required: false}]
`,
    );
    await project.write(
      "parts/more.yaml",
      `services: {more: {image: "${registry.host}/team/web:1", extends: {file: base.yaml, service: base}}}\n`,
    );
    await project.write("parts/base.yaml", "services: {base: {labels: {from: base}, env_file: base.env}}\n");
    await project.write("parts/base.env", "BASE=1\n");
    await project.write("web.env", "WEB=1\n");
    const wanted = (await project.naru(["config", "--no-path-resolution"])).stdout;
    const name = `${registry.host}/team/whole:1`;
    expect((await project.naru(["publish", name])).stderr).toContain('service "web" has env_file declared');
    await project.naru(["build", "--quiet"]);
    const sent = await project.naru(["--progress", "plain", "publish", "-y", "--with-env", "--app", name]);
    expect([sent.code, sent.stderr]).toEqual([0, expect.stringContaining(` ${name} published\n`)]);
    const read = await project.naru(["-f", `oci://${name}`, "config"], { env: cache });
    const plain = (text: string) => text.replace(/context: .*/g, "context: .");
    expect(plain(read.stdout)).toBe(plain(wanted));
    const accept = { Accept: "application/vnd.oci.image.manifest.v1+json" };
    const manifest = await registry.request("GET", "/v2/team/whole/manifests/1", { headers: accept });
    const referrers = await registry.request(
      "GET",
      `/v2/team/whole/referrers/${manifest.headers.get("docker-content-digest")}`,
    );
    const { manifests } = (await referrers.json()) as { manifests: { digest: string }[] };
    expect(manifests).toHaveLength(1);
    const index = await registry.request("GET", `/v2/team/whole/manifests/${manifests[0]!.digest}`, {
      headers: { Accept: "application/vnd.oci.image.index.v1+json" },
    });
    const images = (await index.json()) as { manifests: { digest: string }[] };
    expect(images.manifests).toHaveLength(1);
    for (const { digest } of images.manifests)
      expect((await registry.request("HEAD", `/v2/team/whole/manifests/${digest}`, { headers: accept })).status).toBe(
        200,
      );
  });

  test("what would be missing elsewhere is refused or asked about", async () => {
    await project.use("kept-here", "services: {a: {build: .}}\n");
    expect((await project.naru(["publish", "127.0.0.1:1/x"])).stderr).toContain("build section only");
    await project.write("compose.yaml", "services: {a: {image: busybox, volumes: ['./here:/there']}}\n");
    const asked = await project.naru(["publish", "127.0.0.1:1/x"], { stdin: "n\n" });
    expect(asked.code).toBe(1);
    expect(asked.stdout).toContain("kept-here/here");
    expect((await project.naru(["--dry-run", "publish", "-y", "127.0.0.1:1/x"])).stdout).toBe(
      "Would publish compose.yaml to 127.0.0.1:1/x\n",
    );
    expect((await project.naru(["--dry-run", "publish", "--app", "-y", "127.0.0.1:1/x"])).stdout).toContain(
      "Would copy busybox to 127.0.0.1:1/x\n",
    );
  });
});
