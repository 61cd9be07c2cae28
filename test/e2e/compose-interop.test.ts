/** docker compose 2.40 and naru manage the same projects in turn, on naru's daemon. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DOCKER, importBusybox, NARU, run, startDaemon, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
let root: string;

/** A bit of everything that goes into hashes, names and labels. */
const PROJECT = `
services:
  web:
    image: busybox
    command: sh -c 'echo web; exec sleep 1000'
    stop_grace_period: 0s
    ports: ["127.0.0.1::80"]
    environment: {V: "\${V:-1}"}
    labels: {level: one}
    depends_on: {db: {condition: service_healthy}}
    volumes: ["data:/data", "./:/src:ro", "/anonymous"]
    tmpfs: [/scratch]
    secrets: [key]
    configs: [{source: conf, target: /etc/conf}]
    networks: {default: {aliases: [www]}, back: {}}
    deploy: {resources: {limits: {memory: 64M}}}
  db:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    healthcheck: {test: ["CMD", "true"], interval: 1s, start_interval: 100ms, start_period: 10s}
    networks: [back]
    scale: 2
  beside:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    network_mode: service:web
networks: {back: {internal: true}}
volumes: {data: {}}
secrets: {key: {environment: KEY}}
configs: {conf: {content: "level=\${V:-1}\\n"}}
`;

beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
  root = await mkdtemp(join(tmpdir(), "naru-compose-interop-"));
});
afterAll(async () => {
  await daemon?.stop();
  if (root) await rm(root, { recursive: true, force: true });
});

/** One of the two tools in the folder of a project. */
function toolsIn(folder: string) {
  const options = (env: Record<string, string>) => ({ cwd: folder, env: { ...daemon.env, KEY: "geheim", ...env } });
  const tool =
    (words: string[]) =>
    async (more: string[], env: Record<string, string> = {}) => {
      const end = await run([...words, "--progress", "plain", ...more], options(env));
      if (end.code !== 0) throw new Error(`${words[0]} ${more.join(" ")}: ${end.stderr}`);
      return end;
    };
  return { docker: tool([DOCKER, "compose"]), naru: tool([NARU, "compose"]) };
}

/** docker compose looks for health twice a second: once is enough to wait for it. */
const QUICK = PROJECT.replace("condition: service_healthy", "condition: service_started");

async function project(name: string, yaml = QUICK): Promise<ReturnType<typeof toolsIn>> {
  const folder = join(root, name);
  await mkdir(folder);
  await Bun.write(join(folder, "compose.yaml"), yaml);
  return toolsIn(folder);
}

/** Ids of all containers by name; equal when nothing was made anew. */
async function containers(name: string): Promise<Record<string, string>> {
  const { stdout } = await daemon.naru([
    "ps",
    "-a",
    "--no-trunc",
    "--filter",
    `label=com.docker.compose.project=${name}`,
    "--format",
    "{{.Names}} {{.ID}}",
  ]);
  return Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(" ") as [string, string]),
  );
}

interface Shape {
  [key: string]: unknown;
}
/** What of a container must not depend on the tool: all but ids, times and addresses. */
async function shapes(name: string): Promise<Record<string, Shape>> {
  const ids = Object.values(await containers(name));
  const found = JSON.parse((await daemon.naru(["inspect", ...ids])).stdout) as Record<string, Shape>[];
  const byName = new Map(found.map((each) => [String(each.Name).slice(1), each]));
  const web = String(byName.get(`${name}-web-1`)?.Id);
  return Object.fromEntries([...byName].sort().map(([key, each]) => [key, shapeOf(each, web)]));
}

function shapeOf(container: Record<string, unknown>, webId: string): Shape {
  const config = container.Config as Shape & { Labels: Record<string, string>; Env: string[] | null };
  const host = container.HostConfig as Shape;
  const { Networks } = container.NetworkSettings as {
    Networks: Record<string, { Aliases: string[] | null; NetworkID: string }>;
  };
  const { "com.docker.compose.config-hash": hash, "com.docker.compose.replace": _replace, ...labels } = config.Labels;
  const { Hostname: _hostname, Labels: _labels, Env, ...plain } = config;
  // Both write mounts that mean the same into different fields.
  const { Binds: _binds, Mounts: _mounts, NetworkMode, ExtraHosts: _hosts, ...limits } = host;
  const mounts = container.Mounts as {
    Type: string;
    Name?: string;
    Source: string;
    Destination: string;
    RW: boolean;
  }[];
  return {
    config: { ...plain, Env: [...(Env ?? [])].sort() },
    // The hash of what shares a namespace has the owner's id in it.
    hash: String(NetworkMode).startsWith("container:") ? "" : hash,
    labels,
    limits,
    mode: String(NetworkMode).replace(webId, "web"),
    mounts: mounts
      .map(({ Type, Name = "", Destination, RW }) => [Type, /^[0-9a-f]{64}$/.test(Name) ? "" : Name, Destination, RW])
      .sort(),
    networks: Object.fromEntries(
      Object.entries(Networks).map(([key, { Aliases }]) => [key, [...(Aliases ?? [])].sort()]),
    ),
  };
}

test("both make the same containers, networks and volumes", async () => {
  const { docker, naru } = await project("twin", PROJECT);
  await docker(["up", "-d"]);
  const theirs = await shapes("twin");
  const resources = async () => {
    const networks = JSON.parse(
      (await daemon.naru(["network", "inspect", "twin_default", "twin_back"])).stdout,
    ) as Shape[];
    const volumes = JSON.parse((await daemon.naru(["volume", "inspect", "twin_data"])).stdout) as Shape[];
    return [...networks, ...volumes].map(({ Name, Labels, Driver, Internal, Options }) => ({
      Name,
      Labels,
      Driver,
      Internal,
      Options,
    }));
  };
  const theirResources = await resources();
  const file = (tool: typeof docker, path: string) =>
    tool(["exec", "-T", "web", "sh", "-c", `stat -c '%a %u %g' ${path}; cat ${path}`]);
  const theirFiles = [await file(docker, "/run/secrets/key"), await file(docker, "/etc/conf")];
  await docker(["down", "-v"]);
  await naru(["up", "-d"]);
  expect(await shapes("twin")).toEqual(theirs);
  expect(await resources()).toEqual(theirResources);
  const ourFiles = [await file(naru, "/run/secrets/key"), await file(naru, "/etc/conf")];
  expect(ourFiles.map(({ stdout }) => stdout)).toEqual(theirFiles.map(({ stdout }) => stdout));
  await naru(["down", "-v"]);
  expect(await containers("twin")).toEqual({});
});

describe.each([
  ["docker", "naru"],
  ["naru", "docker"],
] as const)("a project begun with %s is managed by %s", (first, second) => {
  const name = `begun-by-${first}`;
  let one: ReturnType<typeof toolsIn>["docker"];
  let other: typeof one;

  beforeAll(async () => {
    const tools = await project(name);
    [one, other] = [tools[first], tools[second]];
    await one(["up", "-d"]);
  });

  test("with nothing to change", async () => {
    const before = await containers(name);
    await other(["up", "-d"]);
    expect(await containers(name)).toEqual(before);
    expect(Object.keys(before).sort()).toEqual(["beside-1", "db-1", "db-2", "web-1"].map((each) => `${name}-${each}`));
  });

  test("a change makes anew what changed and what shares its namespace, and the first tool sees it", async () => {
    const before = await containers(name);
    await other(["up", "-d"], { V: "2" });
    const after = await containers(name);
    const changed = Object.keys(after).filter((each) => after[each] !== before[each]);
    expect(changed.sort()).toEqual([`${name}-beside-1`, `${name}-web-1`]);
    expect((await one(["exec", "-T", "web", "cat", "/etc/conf"])).stdout).toBe("level=2\n");
    await one(["up", "-d"], { V: "2" });
    expect(await containers(name)).toEqual(after);
  });

  test("scale, stop, start, restart, pause, rm", async () => {
    await other(["up", "-d", "--no-recreate", "--scale", "db=3"], { V: "2" });
    expect((await one(["ps", "-q", "db"])).stdout.trim().split("\n").length).toBe(3);
    await one(["stop", "db"]);
    expect((await other(["ps", "--services"])).stdout.trim().split("\n").sort()).toEqual(["beside", "web"]);
    await other(["start", "db"]);
    await one(["restart", "web"]);
    await other(["pause", "beside"]);
    await one(["unpause", "beside"]);
    await one(["kill", "beside"]);
    await other(["rm", "-f", "beside"]);
    expect((await one(["ps", "-a", "--services"])).stdout.trim().split("\n").sort()).toEqual(["db", "web"]);
  });

  test("what 'run' made is seen, and goes with the rest", async () => {
    const made = await one(["run", "-d", "--no-deps", "db", "sleep", "1000"]);
    const id = made.stdout.trim();
    expect((await other(["ps", "-aq"])).stdout).toContain(id);
    expect((await other(["ps", "-q"])).stdout).not.toContain(id);
    const end = await other(["run", "--rm", "-T", "--no-deps", "-e", "A=1", "db", "sh", "-c", "echo $A; exit 0"]);
    expect(end.stdout).toBe("1\n");
    await other(["down", "-v", "--remove-orphans", "-t", "0"]);
    expect(await containers(name)).toEqual({});
    for (const kind of ["network", "volume"]) {
      expect(
        (await daemon.naru([kind, "ls", "-q", "--filter", `label=com.docker.compose.project=${name}`])).stdout,
      ).toBe("");
    }
  });
});

test("--compatibility: names with underscores, of containers and of images that are built", async () => {
  const folder = join(root, "older");
  await mkdir(folder);
  await Bun.write(
    join(folder, "compose.yaml"),
    'services: {web: {build: {context: ., dockerfile_inline: "FROM busybox\\n"}, command: sleep 1000, stop_grace_period: 0s}}\n',
  );
  const { docker, naru } = toolsIn(folder);
  await naru(["--compatibility", "up", "-d"]);
  const made = await containers("older");
  expect(Object.keys(made)).toEqual(["older_web_1"]);
  await docker(["--compatibility", "up", "-d"]);
  expect(await containers("older")).toEqual(made);
  expect((await docker(["--compatibility", "config", "--images"])).stdout).toBe("older_web\n");
  expect((await naru(["--compatibility", "config", "--images"])).stdout).toBe("older_web\n");
  await docker(["--compatibility", "down"]);
  expect(await containers("older")).toEqual({});
});
