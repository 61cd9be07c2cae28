/** Beside an engine that drops whatever it does not forward itself, as a running Docker does: in network namespaces of our own. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, importBusybox, NARU, run, startDaemon, type TestDaemon } from "../support/daemon.ts";

const HOST = `naru-host-${process.pid}`;
const OUTSIDE = `naru-outside-${process.pid}`;
const HOST_ADDRESS = "10.213.7.1";
const OUTSIDE_ADDRESS = "10.213.7.2";

const inside = (name: string, ...command: string[]) => ["nsenter", `--net=/run/netns/${name}`, ...command];
const atHost = async (...command: string[]) => {
  const result = await run(inside(HOST, ...command));
  if (result.code !== 0) throw new Error(`${command.join(" ")}: ${result.stderr}`);
  return result.stdout;
};
/** The rules alone: comments have dates, counters count. */
const rules = async (variant: string) =>
  (await atHost(`${variant}-save`)).replace(/^#.*\n/gm, "").replace(/\[\d+:\d+\]/g, "");

let scratch: string;
let daemon: TestDaemon | undefined;
let server: ReturnType<typeof Bun.spawn> | undefined;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-coexistence-"));
  await writeFile(join(scratch, "index.html"), "from outside\n");
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

beforeEach(async () => {
  const script = `set -e
    ip netns add ${HOST}; ip netns add ${OUTSIDE}
    ip -n ${HOST} link add outside type veth peer name inside netns ${OUTSIDE}
    ip -n ${HOST} address add ${HOST_ADDRESS}/24 dev outside; ip -n ${OUTSIDE} address add ${OUTSIDE_ADDRESS}/24 dev inside
    for n in ${HOST} ${OUTSIDE}; do ip -n $n link set lo up; done
    ip -n ${HOST} link set outside up; ip -n ${OUTSIDE} link set inside up`;
  const made = await run(["bash", "-c", script]);
  if (made.code !== 0) throw new Error(made.stderr);
  server = Bun.spawn(inside(OUTSIDE, "busybox", "httpd", "-f", "-p", "80", "-h", scratch));
});
afterEach(async () => {
  await daemon?.stop().finally(() => {
    daemon = undefined;
  });
  server?.kill();
  await run(["bash", "-c", `ip netns delete ${HOST}; ip netns delete ${OUTSIDE}`]);
});

async function startBeside(): Promise<TestDaemon> {
  const wrapper = join(scratch, "naru");
  await writeFile(wrapper, `#!/bin/sh\nexec nsenter --net=/run/netns/${HOST} ${NARU} "$@"\n`, { mode: 0o755 });
  daemon = await startDaemon({ executable: wrapper });
  await importBusybox(daemon);
  return daemon;
}

// busybox's wget, static, dies of numeric addresses.
const ASK = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${OUTSIDE_ADDRESS} 80`;
const reachesOutside = async ({ docker }: TestDaemon) =>
  (await docker(["run", "--rm", "busybox", "sh", "-c", ASK])).stdout.endsWith("from outside\n");
const isReached = async () =>
  (await run(inside(OUTSIDE, "curl", "-sm", "2", `http://${HOST_ADDRESS}:8090/`))).stdout === "web\n";
const serve = (running: TestDaemon) =>
  running.docker([
    ...["run", "-d", "--name", "web", "-p", "8090:80", "busybox", "sh", "-c"],
    "echo web >/var/www/index.html; httpd -f -h /var/www",
  ]);

for (const variant of ["iptables-nft", "iptables-legacy"]) {
  const isUsable = Bun.which(variant) !== null && (await run(["unshare", "-n", variant, "-S"])).code === 0;
  describe.skipIf(!isUsable)(`${variant}${isUsable ? "" : " (not installed, or not in this kernel)"}`, () => {
    test("policy DROP and Docker's chains: our accepts come, come back after a reload, and go", async () => {
      for (const words of [
        "-P FORWARD DROP",
        "-N DOCKER-USER",
        "-A DOCKER-USER -j RETURN",
        "-I FORWARD -j DOCKER-USER",
      ])
        await atHost(variant, ...words.split(" "));
      const before = await rules(variant);
      const running = await startBeside();
      expect((await serve(running)).code).toBe(0);
      await eventually(isReached);
      await eventually(() => reachesOutside(running));
      expect(await rules(variant)).toContain("-A DOCKER-USER -i ");

      // The second time nothing but these rules has changed since they were looked at.
      for (const _ of [1, 2]) {
        // In one step: between two our accepts may come already.
        const reload = await run(inside(HOST, `${variant}-restore`), { stdin: before });
        expect({ ...reload }).toMatchObject({ code: 0 });
        await eventually(async () => (await rules(variant)) !== before);
      }
      await eventually(isReached);
      await eventually(() => reachesOutside(running));

      await running.docker(["rm", "-f", "web"]);
      await running.kill("SIGTERM");
      expect(await rules(variant)).toBe(before);
    });

    test("policy DROP alone: the accepts are in FORWARD itself", async () => {
      await atHost(variant, "-P", "FORWARD", "DROP");
      const before = await rules(variant);
      const running = await startBeside();
      await serve(running);
      await eventually(isReached);
      await eventually(() => reachesOutside(running));
      await running.docker(["rm", "-f", "web"]);
      await running.kill("SIGTERM");
      expect(await rules(variant)).toBe(before);
    });
  });
}

test("with nobody in the way nothing of others is touched", async () => {
  const running = await startBeside();
  await serve(running);
  await eventually(isReached);
  await eventually(() => reachesOutside(running));
  const tables = (await atHost("nft", "list", "tables")).trim().split("\n");
  expect(tables.length).toBe(1);
  expect(tables[0]).toMatch(/^table inet naru-/);
});
