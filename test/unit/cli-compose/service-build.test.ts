import { describe, expect, test } from "bun:test";
import { imageOfService, servicesToBuild } from "../../../src/cli/compose/build/service-build.ts";
import { buildFlagsOf } from "../../../src/cli/compose/build/service-build-flags.ts";
import { withOneOffService } from "../../../src/cli/compose/one-off-service.ts";
import { servicesOf } from "../../../src/cli/compose/project-services.ts";
import type { Tree } from "../../../src/compose/document.ts";
import type { ComposeProject } from "../../../src/compose/load-project.ts";

const projectOf = (services: Tree, more: Tree = {}): ComposeProject =>
  ({
    name: "p",
    folder: "/p",
    files: [],
    envFiles: [],
    tree: { services, ...more },
    disabled: {},
    unchosen: [],
    variables: new Map([["TOKEN", "secret"]]),
  }) as unknown as ComposeProject;

function flagsOf(build: Tree, service: Tree = {}, more: Tree = {}) {
  const project = projectOf({ web: { build: { context: "/p", ...build }, ...service } }, more);
  return buildFlagsOf(servicesToBuild(project, [], false).get("web")!, {}, (name) => imageOfService(project, name));
}

describe("a build section as flags of build", () => {
  test.each<[string, Tree, Record<string, unknown>]>([
    ["the usual Dockerfile", {}, { file: "/p/Dockerfile", tag: ["p-web"], load: false, network: "default" }],
    ["another Dockerfile", { dockerfile: "docker/Web" }, { file: "/p/docker/Web" }],
    ["one that lies elsewhere", { dockerfile: "/else/Web" }, { file: "/else/Web" }],
    ["one written inline", { dockerfile_inline: "FROM x" }, { file: "" }],
    ["a context from git", { context: "https://host/x.git", dockerfile: "Web" }, { file: "Web" }],
    ["args", { args: { A: "1", B: null } }, { "build-arg": ["A=1", "B"] }],
    ["rights", { privileged: true, entitlements: ["network.host"] }, { allow: ["network.host", "security.insecure"] }],
    [
      "sizes",
      { shm_size: "64m", ulimits: { nofile: 9, core: { soft: 1, hard: 2 } } },
      {
        "shm-size": 64 * 2 ** 20,
        ulimit: [
          { Name: "core", Soft: 1, Hard: 2 },
          { Name: "nofile", Soft: 9, Hard: 9 },
        ],
      },
    ],
    ["further names", { tags: ["x:1"] }, { tag: ["x:1", "p-web"] }],
    ["agents", { ssh: { default: null, git: "/key" } }, { ssh: ["default", "git=/key"] }],
    ["switches", { no_cache: true, pull: true }, { "no-cache": true, pull: true }],
  ])("%s", (_, build, flags) => {
    expect(flagsOf(build)).toMatchObject(flags);
  });

  test("the service's image and platform", () => {
    expect(flagsOf({}, { image: "own:1", platform: "linux/arm64" })).toMatchObject({
      tag: ["own:1"],
      platform: ["linux/arm64"],
    });
    expect(() => flagsOf({ platforms: ["linux/amd64"] }, { platform: "linux/arm64" })).toThrow(
      "does not support value",
    );
  });

  test("secrets: files as flags, texts beside them, none of neither", () => {
    const secrets = { a: { file: "/s" }, b: { environment: "TOKEN" }, c: { external: true } };
    const build: Tree = { secrets: [{ source: "a" }, { source: "b", target: "t" }] };
    expect(flagsOf(build, {}, { secrets })).toMatchObject({ secret: ["id=a,src=/s"] });
    expect(() => flagsOf({ secrets: [{ source: "c" }] }, {}, { secrets })).toThrow("neither file nor environment");
  });

  test("another service's image is built too, and named", () => {
    const services = {
      web: { build: { context: "/p", additional_contexts: { base: "service:base", src: "/src" } } },
      base: { build: { context: "/b" } },
      plain: { image: "x" },
    };
    const project = projectOf(services);
    const found = servicesToBuild(project, ["web"], false);
    expect([...found.keys()]).toEqual(["web", "base"]);
    const flags = buildFlagsOf(found.get("web")!, {}, (name) => imageOfService(project, name));
    expect(flags["build-context"].sort()).toEqual(["base=docker-image://p-base", "src=/src"]);
    expect(() => servicesToBuild(project, ["nope"], false)).toThrow("no such service: nope");
  });
});

describe("a service as 'run' wants it", () => {
  const WISHES = {
    containerName: "n",
    command: [],
    entrypoint: undefined,
    environment: [],
    labels: [],
    user: "",
    workingDir: "",
    capAdd: [],
    capDrop: [],
    volumes: [],
    publish: [],
    keepsPorts: false,
    tty: false,
    interactive: true,
  };
  const SERVICE = {
    image: "x",
    command: ["usual"],
    restart: "always",
    scale: 3,
    ports: [{ target: 80 }],
    environment: { A: "1", B: "1" },
    cap_add: ["NET_ADMIN"],
    volumes: [{ type: "volume", source: "v", target: "/data" }],
    depends_on: { db: { condition: "service_started", required: true } },
    deploy: { replicas: 2, restart_policy: { condition: "any" }, labels: { kept: "1" } },
  };
  const oneOff = (wishes: Partial<typeof WISHES>, noDependencies = false) =>
    servicesOf(
      withOneOffService(
        projectOf({ web: SERVICE, db: { image: "y" } }),
        "web",
        { ...WISHES, ...wishes },
        noDependencies,
      ),
    );

  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ["nothing wished", {}, { command: ["usual"], ports: [], scale: 1, deploy: { labels: { kept: "1" } } }],
    ["a command", { command: ["a", "b"] }, { command: ["a", "b"] }],
    [
      "an entrypoint drops the command",
      { entrypoint: "sh -c 'x y'" },
      { entrypoint: ["sh", "-c", "x y"], command: [] },
    ],
    ["variables", { environment: ["B=2", "C"] }, { environment: { A: "1", B: "2", C: null } }],
    ["its ports and more", { keepsPorts: true, publish: ["81"] }, { ports: [{ target: 80 }, { target: 81 }] }],
    ["a right taken away", { capDrop: ["NET_ADMIN"] }, { cap_add: [], cap_drop: ["NET_ADMIN"] }],
    [
      "a mount in another's place",
      { volumes: ["./here:/data:ro"] },
      {
        volumes: [{ type: "bind", source: "/p/here", target: "/data", read_only: true }],
      },
    ],
  ])("%s", (_, wishes, service) => {
    const { web } = oneOff(wishes as Partial<typeof WISHES>);
    expect(web).toMatchObject(service);
    expect(web!.restart).toBeUndefined();
  });

  test("its dependencies stay, but for --no-deps; the project itself is left alone", () => {
    expect(Object.keys(oneOff({})).sort()).toEqual(["db", "web"]);
    const alone = oneOff({}, true);
    expect(Object.keys(alone)).toEqual(["web"]);
    expect(alone.web!.depends_on).toBeUndefined();
    expect(SERVICE.restart).toBe("always");
  });
});
