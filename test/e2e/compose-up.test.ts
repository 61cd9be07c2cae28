/** naru compose up and its relatives: what is made, what changes, what fails, and updates that lose no request. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerInspect } from "../../src/model/container.ts";
import { ComposeFolders } from "../support/compose-folders.ts";
import { DOCKER, eventually, type Finished, NARU, run, type TestDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";

let folders: ComposeFolders;
let daemon: TestDaemon;
let root: string;

beforeAll(async () => {
  folders = await ComposeFolders.open();
  ({ daemon, root } = folders);
});
afterAll(() => folders?.stop());

const env = (more: Record<string, string> = {}) => ({ ...daemon.env, ...more });
type Ask = (words: string[], environment?: Record<string, string>) => Promise<Finished>;

/** A project in a folder of its own; `compose` runs naru, `docker` the real one. All of it goes at the end. */
async function inProject(
  name: string,
  text: string,
  work: (tools: {
    compose: Ask;
    docker: Ask;
    write: (text: string) => Promise<number>;
    folder: string;
  }) => Promise<void>,
): Promise<void> {
  const folder = join(root, name);
  await mkdir(folder);
  const write = (content: string) => Bun.write(join(folder, "compose.yaml"), content);
  const tool =
    (command: string[]): Ask =>
    (words, environment) =>
      run([...command, "--progress", "plain", ...words], { cwd: folder, env: env(environment) });
  const compose = tool([NARU, "compose"]);
  await write(text);
  try {
    await work({ compose, docker: tool([DOCKER, "compose"]), write, folder });
  } finally {
    await compose(["down", "-v", "-t", "0", "--remove-orphans"]);
  }
}

async function ok(end: Promise<Finished>): Promise<Finished> {
  const finished = await end;
  if (finished.code !== 0) throw new Error(`${finished.code}: ${finished.stderr}`);
  return finished;
}
const inspect = async (name: string) =>
  (await (await daemon.api("GET", `/containers/${name}/json`)).json()) as ContainerInspect;
const idOf = async (name: string) => (await inspect(name)).Id as string;

describe("up", () => {
  test("nothing changed changes nothing; what changed is made anew, and nothing else", async () => {
    const text = (value: string) => `
services:
  a: {image: busybox, command: sleep 1000, stop_signal: KILL, environment: {V: "${value}"}, depends_on: [b]}
  b: {image: busybox, command: sleep 1000, stop_signal: KILL}
`;
    await inProject("same", text("1"), async ({ compose, write }) => {
      const told = await ok(compose(["up", "--dry-run"]));
      expect(told.stdout).toContain("create  Container same-a-1");
      expect((await daemon.naru(["ps", "-aq"])).stdout).toBe("");
      await ok(compose(["up", "-d"]));
      const [a, b] = [await idOf("same-a-1"), await idOf("same-b-1")];
      const again = await ok(compose(["up", "-d"]));
      expect(again.stderr).toContain("Container same-a-1  Running");
      expect([await idOf("same-a-1"), await idOf("same-b-1")]).toEqual([a, b]);
      await write(text("2"));
      const change = await ok(compose(["up", "--dry-run"]));
      expect(change.stdout).toContain("its configuration changed");
      await ok(compose(["up", "-d"]));
      expect(await idOf("same-a-1")).not.toBe(a);
      expect(await idOf("same-b-1")).toBe(b);
      expect((await ok(compose(["up", "-d", "a"]))).stderr).toContain("same-a-1  Running");
    });
  });

  test("containers, networks and volumes are as docker compose makes them", async () => {
    await Bun.write(join(root, "secret.txt"), "s");
    await inProject("equal", EVERYTHING, async ({ compose, docker }) => {
      await ok(docker(["create"]));
      const theirs = await snapshot();
      await ok(docker(["down", "-v"]));
      await ok(compose(["create"]));
      const ours = await snapshot();
      expect(ours).toEqual(theirs);
    });
  });

  test("conditions, secrets, configs, hooks", async () => {
    const text = `
services:
  db:
    image: busybox
    command: sh -c "touch /ready; exec sleep 1000"
    stop_signal: KILL
    healthcheck: {test: "test -e /ready", interval: 100ms, retries: 50}
  job:
    image: busybox
    command: sh -c "cat /run/secrets/key /etc/conf > /shared/out"
    depends_on: {db: {condition: service_healthy}}
    volumes: ["shared:/shared"]
    secrets: [key]
    configs: [{source: conf, target: /etc/conf, mode: 0400}]
  web:
    image: busybox
    command: sleep 1000
    stop_signal: KILL
    depends_on: {job: {condition: service_completed_successfully}}
    volumes: ["shared:/shared"]
    post_start: [{command: ["sh", "-c", "echo $$WHO >> /shared/hooks"], environment: [WHO=after]}]
    pre_stop: [{command: ["sh", "-c", "echo before >> /shared/hooks"]}]
volumes: {shared: {}}
secrets: {key: {environment: KEY}}
configs: {conf: {content: "conf of ${"$"}{KEY}"}}
`;
    await inProject("parts", text, async ({ compose }) => {
      await ok(compose(["up", "-d"], { KEY: "sesam" }));
      const read = (path: string) => ok(daemon.naru(["exec", "parts-web-1", "cat", path]));
      expect((await read("/shared/out")).stdout).toBe("sesamconf of sesam");
      await ok(compose(["restart", "web"], { KEY: "sesam" }));
      await ok(compose(["stop", "web"], { KEY: "sesam" }));
      await ok(compose(["start", "web"], { KEY: "sesam" }));
      expect((await read("/shared/hooks")).stdout).toBe("after\nbefore\nafter\nbefore\nafter\n");
    });
  });

  test("scale, orphans, a changed network, what restarts with its dependency", async () => {
    const text = (more: string) => `
services:
  a: {image: busybox, command: sleep 1000, stop_signal: KILL, depends_on: {b: {condition: service_started, restart: true}}}
  b: {image: busybox, command: sleep 1000, stop_signal: KILL, labels: {more: "${more}"}}
networks: {default: {labels: {more: "${more === "net" ? "net" : ""}"}}}
`;
    await inProject("moves", text("1"), async ({ compose, write }) => {
      await ok(compose(["up", "-d", "--scale", "b=3"]));
      expect((await compose(["ps", "-q", "b"])).stdout.trim().split("\n")).toHaveLength(3);
      await ok(compose(["scale", "b=1"]));
      const [a, started] = [await idOf("moves-a-1"), (await inspect("moves-a-1")).State.StartedAt];
      await write(text("2"));
      await ok(compose(["up", "-d"]));
      expect(await idOf("moves-a-1")).toBe(a);
      expect((await inspect("moves-a-1")).State.StartedAt).not.toBe(started);
      await write(text("net"));
      await ok(compose(["up", "-d"]));
      expect(await idOf("moves-a-1")).not.toBe(a);
      await write("services: {b: {image: busybox, command: sleep 1000, stop_signal: KILL}}");
      expect((await ok(compose(["up", "-d"]))).stderr).toContain("Found orphan containers ([moves-a-1])");
      await ok(compose(["up", "-d", "--remove-orphans"]));
      expect((await daemon.api("GET", "/containers/moves-a-1/json")).status).toBe(404);
    });
  });

  test("a volume that changed is asked about, and keeps its data unless that is answered with yes", async () => {
    const text = (label: string) => `
services: {a: {image: busybox, command: sleep 1000, stop_signal: KILL, volumes: ["data:/data"]}}
volumes: {data: {labels: {l: "${label}"}}}
`;
    await inProject("lost", text("1"), async ({ compose, write }) => {
      await ok(compose(["up", "-d"]));
      await ok(daemon.naru(["exec", "lost-a-1", "touch", "/data/here"]));
      await write(text("2"));
      expect((await ok(compose(["up", "-d"]))).stdout).toContain("Recreate (data will be lost)?");
      await ok(daemon.naru(["exec", "lost-a-1", "test", "-e", "/data/here"]));
      await ok(compose(["up", "-d", "-y"]));
      expect((await daemon.naru(["exec", "lost-a-1", "test", "-e", "/data/here"])).code).toBe(1);
    });
  });
});

describe("failures say which service, why, and what it wrote last", () => {
  const FAILURES: [string, string, string[]][] = [
    [
      "ended",
      `db: {image: busybox, command: sh -c "echo no disk left; exit 3"}
  web: {image: busybox, depends_on: {db: {condition: service_completed_successfully}}}`,
      ['service "db" didn\'t complete successfully: exit 3', 'which "web" depends on', "no disk left"],
    ],
    [
      "unhealthy",
      `db: {image: busybox, command: sh -c "echo warming up; exec sleep 1000", stop_signal: KILL, healthcheck: {test: "echo too cold; exit 1", interval: 50ms, retries: 1}}
  web: {image: busybox, depends_on: {db: {condition: service_healthy}}}`,
      ["container unhealthy-db-1 is unhealthy", "too cold", "warming up"],
    ],
    [
      "binary",
      "web: {image: busybox, command: /no/such/thing}",
      ['service "web": cannot start its container', "/no/such/thing"],
    ],
    [
      "image",
      "web: {image: 'localhost:1/nothing', pull_policy: never}",
      ['service "web": cannot create', "localhost:1/nothing"],
    ],
    ["pull", "web: {image: 'localhost:1/nothing'}", ['service "web": cannot get its image localhost:1/nothing']],
    [
      "secret",
      "web: {image: busybox, secrets: [s]}\nsecrets: {s: {environment: NO_SUCH}}",
      ['"NO_SUCH"', "is not set"],
    ],
  ];
  test.each(FAILURES)("%s", async (name, services, words) => {
    await inProject(name, `services:\n  ${services}\n`, async ({ compose }) => {
      const end = await compose(["up", "-d"]);
      expect(end.code).toBe(1);
      for (const word of words) expect(end.stderr).toContain(word);
    });
  });

  test("--wait ends with the state of who is not ready in time", async () => {
    const text = `services: {a: {image: busybox, command: sleep 1000, stop_signal: KILL, healthcheck: {test: "false", interval: 1h, start_period: 1h}}}`;
    await inProject("late", text, async ({ compose }) => {
      const end = await compose(["up", "--wait", "--wait-timeout", "1"]);
      expect([end.code, end.stderr]).toEqual([1, expect.stringContaining("its health check says starting")]);
    });
  });
});

describe("in the foreground", () => {
  const THREE = `
services:
  a: {image: busybox, command: sh -c "echo from a; until test -e /go; do sleep 0.05; done; exit 7"}
  b: {image: busybox, command: sh -c "echo from b >&2; exec sleep 1000", stop_signal: KILL}
  c: {image: busybox, command: sleep 1000, stop_signal: KILL, attach: false}
`;
  const CODES: [string, string[], number][] = [
    ["--abort-on-container-exit", ["--abort-on-container-exit"], 7],
    ["--abort-on-container-failure", ["--abort-on-container-failure"], 7],
    ["--exit-code-from", ["--exit-code-from", "b"], 137],
  ];
  test.each(CODES)("%s stops all", async (_, flags, code) => {
    await inProject(`fore${flags[0]!.slice(2)}`, THREE, async ({ compose, folder }) => {
      const up = compose(["up", ...flags]);
      const name = `${folder.split("/").at(-1)}-a-1`;
      // It may end before the exec has told that it went well.
      const hasEnded = async () => (await inspect(name)).State?.Status === "exited";
      await eventually(async () => (await daemon.naru(["exec", name, "touch", "/go"])).code === 0 || hasEnded());
      const end = await up;
      expect(end.code).toBe(code);
      expect(end.stdout).toContain("a-1  | from a\n");
      expect(end.stderr).toContain("b-1  | from b\n");
      expect(end.stdout).toContain("a-1 exited with code 7\n");
      expect(end.stdout).not.toContain("c-1 exited");
      expect(
        (await daemon.naru(["ps", "-q", "--filter", `label=com.docker.compose.project=${name.slice(0, -4)}`])).stdout,
      ).toBe("");
    });
  });

  test("a container that restarts is shown again", async () => {
    const text = `services: {a: {image: busybox, command: sh -c "echo run; exit 3", restart: "on-failure:2"}}`;
    await inProject("again", text, async ({ compose }) => {
      const { stdout } = await ok(compose(["up"]));
      expect(stdout.match(/a-1 {2}\| run\n/g)).toHaveLength(3);
      expect(stdout).toContain("a-1 exited with code 3\n");
    });
  });

  const SIGNALS: [string, number, number][] = [
    ["Ctrl-C stops gracefully", 1, 130],
    ["Ctrl-C twice kills", 2, 130],
  ];
  test.each(SIGNALS)("%s", async (_, count, code) => {
    const patient = count === 1 ? "trap 'echo bye; exit 0' TERM" : "trap 'echo no' TERM";
    const text = `
services:
  a: {image: busybox, command: ["sh", "-c", "${patient}; echo ready; while :; do sleep 0.05; done"], stop_grace_period: 1h}
`;
    await inProject(`signal${count}`, text, async ({ folder }) => {
      const up = Bun.spawn([NARU, "compose", "up"], {
        cwd: folder,
        env: { ...process.env, ...env() },
        stdout: "pipe",
        stderr: "pipe",
      });
      const seen = { out: "", err: "" };
      const copy = async (stream: ReadableStream<Uint8Array>, key: "out" | "err") => {
        for await (const bytes of stream) seen[key] += new TextDecoder().decode(bytes);
      };
      const copies = [copy(up.stdout, "out"), copy(up.stderr, "err")];
      try {
        await eventually(() => seen.out.includes("ready") && seen.err.includes("Attached"));
        up.kill("SIGINT");
        if (count === 2) {
          await eventually(() => seen.out.includes("| no"));
          up.kill("SIGINT");
        }
        expect(await up.exited).toBe(code);
      } finally {
        up.kill("SIGKILL");
      }
      await Promise.all(copies);
      expect(seen.err).toContain("press Ctrl+C again to force");
      if (count === 1) expect(seen.out).toContain("bye");
      else expect(seen.err).toContain("Killed");
      expect((await inspect(`signal${count}-a-1`)).State.Running).toBe(false);
    });
  });
});

describe("updates", () => {
  /** A web server that says its version, and somebody inside who asks it by name all the time. */
  const served = (version: string, keys: string, port: number) => `
services:
  web:
    image: busybox
    command: sh -c "mkdir -p /www; echo $$V > /www/index.html; exec httpd -f -p 80 -h /www"
    environment: {V: "${version}"}
    stop_signal: KILL
    ports: ["127.0.0.1:${port}:80"]
    ${keys}
  asker:
    image: busybox
    stop_signal: KILL
    command:
      - sh
      - -c
      - |
        while :; do
          ip=$$(nslookup -type=a web 127.0.0.11 | grep -A1 Name: | grep Address: | head -n1 | cut -d" " -f2)
          test -z "$$ip" || wget -q -O - http://$$ip/ || echo LOST
        done
`;
  const CHECK = `healthcheck: {test: "wget -q -O /dev/null http://127.0.0.1/", interval: 100ms, retries: 50}`;
  const UPDATES: [string, string][] = [
    ["of one container with a health check", CHECK],
    ["of two replicas", "scale: 2"],
  ];
  test.each(UPDATES)("%s lose no request", async (title, keys) => {
    const port = await freePort();
    const name = `roll${title.length}`;
    await inProject(name, served("one", keys, port), async ({ compose, write }) => {
      await ok(compose(["up", "-d", "--wait"]));
      await eventually(async () => (await ask(port, AbortSignal.timeout(1))).has("one"), 30_000);
      const leave = new AbortController();
      const heard = ask(port, leave.signal);
      const asked = async (word: string) => (await compose(["logs", "asker"])).stdout.includes(`| ${word}`);
      await eventually(() => asked("one"), 30_000);
      // From when each replica serves, nothing may be lost.
      for (const index of keys.startsWith("scale") ? ["1", "2"] : ["1"]) {
        const look = ["exec", "-T", "--index", index, "web", "wget", "-q", "-O", "-", "http://127.0.0.1/"];
        await eventually(async () => (await compose(look)).stdout === "one\n", 30_000);
      }
      const before = (await compose(["logs", "asker"])).stdout.length;
      await write(served("two", keys, port));
      await ok(compose(["up", "-d"]));
      await eventually(() => asked("two"), 30_000);
      leave.abort();
      const answers = await heard;
      expect([...answers].sort()).toEqual(["one", "two"]);
      const { stdout } = await compose(["logs", "asker"]);
      expect(stdout.slice(before)).not.toContain("LOST");
    });
  });

  test("an update that never gets healthy keeps what serves, and says why", async () => {
    const port = await freePort();
    await inProject("bad", served("one", CHECK, port), async ({ compose, write }) => {
      await ok(compose(["up", "-d", "--wait", "web"]));
      const before = await idOf("bad-web-1");
      const broken = `healthcheck: {test: "echo broken; exit 1", interval: 50ms, retries: 1}`;
      await write(served("two", broken, port));
      const end = await compose(["up", "-d", "web"]);
      expect(end.code).toBe(1);
      expect(end.stderr).toContain("container bad-web-1 is unhealthy");
      expect(end.stderr).toContain("broken");
      expect(await idOf("bad-web-1")).toBe(before);
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("one\n");
      expect((await compose(["ps", "-aq", "web"])).stdout.trim().split("\n")).toHaveLength(1);
    });
  });

  test("failure_action: rollback brings the old containers back", async () => {
    const text = (version: string, check: string) => `
services:
  web:
    image: busybox
    command: sleep 1000
    stop_signal: KILL
    environment: {V: "${version}"}
    healthcheck: {test: "${check}", interval: 50ms, retries: 1}
    deploy: {replicas: 3, update_config: {parallelism: 2, order: stop-first, failure_action: rollback}}
`;
    await inProject("back", text("one", "true"), async ({ compose, write }) => {
      await ok(compose(["up", "-d", "--wait"]));
      const ids = () => Promise.all([1, 2, 3].map((number) => idOf(`back-web-${number}`)));
      const before = await ids();
      await write(text("two", "false"));
      const end = await compose(["up", "-d"]);
      expect(end.code).toBe(1);
      expect(end.stderr).toContain("Rolled back");
      expect(await ids()).toEqual(before);
      const running = (await compose(["ps", "-q", "--status", "running"])).stdout.trim().split("\n");
      expect(running.sort()).toEqual(before.sort());
      await write(text("three", "true"));
      await ok(compose(["up", "-d"]));
      expect((await compose(["ps", "-aq"])).stdout.trim().split("\n")).toHaveLength(3);
      expect((await inspect("back-web-3")).Config.Env).toContain("V=three");
    });
  });

  test("max_failure_ratio: so many may fail, one more fails the update", async () => {
    // The first container of each version but "one" never gets healthy.
    const text = (version: string, ratio: number) => `
services:
  web:
    image: busybox
    command: sh -c "test $$V = one || ! mkdir /shared/$$V || exec sleep 1000; touch /ok; exec sleep 1000"
    stop_signal: KILL
    environment: {V: "${version}"}
    volumes: ["shared:/shared"]
    healthcheck: {test: "test -e /ok", interval: 20ms, retries: 25}
    deploy: {replicas: 2, update_config: {parallelism: 1, order: stop-first, max_failure_ratio: ${ratio}}}
volumes: {shared: {}}
`;
    await inProject("ratio", text("one", 0.5), async ({ compose, write }) => {
      const versions = async () => {
        const both = await Promise.all([1, 2].map((number) => inspect(`ratio-web-${number}`)));
        return both.map(({ Config }) => Config.Env?.find((each) => each.startsWith("V="))?.slice(2));
      };
      await ok(compose(["up", "-d", "--wait"]));
      await write(text("two", 0.5));
      const tolerated = await ok(compose(["up", "-d"]));
      expect(tolerated.stderr).toContain("ratio-web-1 failed, and the update goes on (1 failed, 1 may)");
      expect(await versions()).toEqual(["two", "two"]);
      await write(text("three", 0.4));
      const failed = await compose(["up", "-d"]);
      expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining("is unhealthy")]);
      expect((await versions()).toSorted()).toEqual(["three", "two"]);
    });
  });

  /** Asks until the signal; resolves to the different answers, with what went wrong among them. */
  async function ask(port: number, signal: AbortSignal): Promise<Set<string>> {
    const answers = new Set<string>();
    const asking = async () => {
      while (!signal.aborted) {
        const answer = fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } }).then((each) =>
          each.text(),
        );
        answers.add((await answer.catch((error: Error) => error.message)).trim());
      }
    };
    await Promise.all([asking(), asking()]);
    return answers;
  }
});

describe("commands over containers", () => {
  test("stop, start, pause, unpause, kill, wait, rm", async () => {
    const text = `services: {a: {image: busybox, command: sh -c "trap 'exit 4' TERM; while :; do sleep 0.05; done"}}`;
    await inProject("each", text, async ({ compose }) => {
      const state = async () => (await inspect("each-a-1")).State.Status;
      await ok(compose(["create"]));
      expect(await state()).toBe("created");
      await ok(compose(["start"]));
      await ok(compose(["pause"]));
      expect(await state()).toBe("paused");
      await ok(compose(["unpause"]));
      const waiting = compose(["wait", "a"]);
      await ok(compose(["kill", "-s", "TERM"]));
      expect([(await waiting).code, (await waiting).stdout]).toEqual([
        4,
        `container "${await idOf("each-a-1")}" exited with status code 4\n`,
      ]);
      expect((await compose(["rm", "--dry-run"])).stdout).toContain("Container each-a-1");
      await ok(compose(["rm", "-f"]));
      expect((await daemon.api("GET", "/containers/each-a-1/json")).status).toBe(404);
      expect((await compose(["start"])).stderr).toContain('service "a" has no container to start');
      expect((await compose(["stop", "nobody"])).stderr).toContain("no such service: nobody");
    });
  });

  test("--wait-timeout and flags that exclude each other are refused in words", async () => {
    await inProject("refused", "services: {a: {image: busybox}}", async ({ compose }) => {
      for (const [words, reason] of [
        [["--force-recreate", "--no-recreate"], "are incompatible"],
        [["-d", "--abort-on-container-exit"], "cannot be combined"],
        [["-d", "--menu"], "--detach cannot be combined with --menu"],
        [["--scale", "a=x"], "invalid --scale option"],
      ] as const) {
        const end = await compose(["up", ...words]);
        expect([end.code, end.stderr]).toEqual([1, expect.stringContaining(reason)]);
      }
    });
  });
});

/** Uses most of what a service can say. */
const EVERYTHING = `
services:
  all:
    image: busybox
    annotations: {an: b}
    cap_add: [NET_ADMIN]
    cap_drop: [MKNOD]
    cgroup: private
    cpu_shares: 73
    command: sh -c "sleep 100"
    container_name: equal-thing
    device_cgroup_rules: ["c 1:3 mr"]
    devices: ["/dev/null:/dev/xnull:r"]
    dns: [9.9.9.9]
    dns_opt: [use-vc]
    dns_search: [a.b]
    domainname: dd.ee
    entrypoint: ["env"]
    environment: [Z=1, A=2, HOME]
    expose: ["3000"]
    extra_hosts: ["h1=1.2.3.4"]
    group_add: ["100"]
    healthcheck: {test: [CMD, "true"], timeout: 3s, retries: 4, start_period: 5s, start_interval: 2s}
    hostname: hh
    init: false
    ipc: shareable
    labels: {la: "1", lb: "$$x"}
    logging: {driver: json-file, options: {max-size: 10k}}
    mem_limit: 64m
    mem_reservation: 32m
    oom_score_adj: 100
    pids_limit: 50
    ports: ["127.0.0.1:18080:80", "18100-18101:90-91", "93"]
    read_only: true
    restart: on-failure:3
    security_opt: [no-new-privileges]
    shm_size: 1m
    stdin_open: true
    stop_grace_period: 7s
    stop_signal: SIGINT
    sysctls: {net.core.somaxconn: 1024}
    tmpfs: ["/t1:size=1m", "/t2"]
    tty: true
    ulimits: {nofile: {soft: 100, hard: 200}}
    user: "1:1"
    working_dir: /w
    volumes:
      - data:/data:ro
      - data:/data2:nocopy
      - /anon
      - ./x:/x
      - {type: tmpfs, target: /tm, tmpfs: {size: 1m, mode: 0o755}}
    networks:
      default: {aliases: [al], priority: 1}
      other: {gw_priority: 7, mac_address: "02:42:ac:11:00:07", driver_opts: {a.b: c}}
    secrets: [sf, {source: sf, target: other}]
    configs: [cf, {source: cf, target: /etc/thing}]
  limited:
    image: busybox
    depends_on: [all]
    deploy:
      replicas: 2
      resources: {limits: {cpus: "0.5", memory: 50M, pids: 9}, reservations: {memory: 20M}}
      restart_policy: {condition: on-failure, max_attempts: 4}
  bare: {image: busybox, network_mode: none, command: [], entrypoint: [], healthcheck: {disable: true}, restart: unless-stopped}
volumes: {data: {labels: {v: l}}}
networks: {default: {labels: {n: l}}, other: {internal: true, attachable: true}}
secrets: {sf: {file: ../secret.txt}}
configs: {cf: {file: ../secret.txt}}
`;

/** What inspect shows of all containers, networks and volumes, but for what differs each time. */
async function snapshot(): Promise<unknown> {
  const list = async <T>(path: string) => (await (await daemon.api("GET", path)).json()) as T;
  const mine = encodeURIComponent(JSON.stringify({ label: ["com.docker.compose.project=equal"] }));
  const containers = await list<{ Id: string }[]>(`/containers/json?all=1&filters=${mine}`);
  const details = await Promise.all(containers.map(({ Id }) => inspect(Id)));
  const networks = await list<{ Name: string }[]>(`/networks?filters=${mine}`);
  const { Volumes } = await list<{ Volumes: { Name: string }[] }>(`/volumes?filters=${mine}`);
  return settled([...details, ...networks, ...Volumes].sort((a, b) => (a.Name < b.Name ? -1 : 1)));
}

const CHANGING =
  /^(Id|Created|CreatedAt|Subnet|Gateway|NetworkID|EndpointID|MacAddress|SandboxID|SandboxKey|.*Path|GraphDriver|DNSNames|Source|Mountpoint)$/;
const UNORDERED = new Set(["Env", "Binds", "Mounts", "Ulimits", "Aliases"]);

function settled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settled);
  if (typeof value !== "object" || value === null)
    return typeof value === "string" ? value.replace(/[0-9a-f]{64}/, "id").replace(/^[0-9a-f]{12}$/, "id") : value;
  const kept = Object.entries(value).filter(([key]) => !CHANGING.test(key));
  return Object.fromEntries(
    kept.map(([key, item]) => {
      const list = settled(item);
      const isUnordered = UNORDERED.has(key) && Array.isArray(list);
      return [key, isUnordered ? list.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : list];
    }),
  );
}
