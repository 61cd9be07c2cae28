/** Containers of one Compose service behind one published port: spread, joined when ready, left before they stop. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(() => daemon?.stop());

async function docker(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.docker(words);
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** Starts a replica of the service that tells its name on the port. */
async function replica(name: string, port: number, options: { service: string; before?: string; flags?: string[] }) {
  const labels = ["project=shared", `service=${options.service}`, "oneoff=False"];
  await docker(
    ...["run", "-d", "--name", name, "-p", `${port}:80`, "--stop-timeout", "1"],
    ...labels.flatMap((label) => ["--label", `com.docker.compose.${label}`]),
    ...(options.flags ?? []),
    ...["busybox", "sh", "-c", `echo ${name} >/var/www/index.html; ${options.before ?? ""}exec httpd -f -h /var/www`],
  );
}

const ask = async (address: string) => {
  const reply = await fetch(address, { keepalive: false, signal: AbortSignal.timeout(20_000) });
  return (await reply.text()).trim();
};
/** Who answers this many calls; a call that fails is an error. */
async function answers(address: string, calls = 40): Promise<string[]> {
  const names = new Set<string>();
  for (let call = 0; call < calls; call++) names.add(await ask(address));
  return [...names].sort();
}

test("replicas share a port over IPv4 and IPv6; one that leaves, and a daemon that restarts, lose no call", async () => {
  const port = await freePort();
  const [v4, v6] = [`http://127.0.0.1:${port}/`, `http://[::1]:${port}/`];
  await replica("one", port, { service: "web" });
  await eventually(() =>
    ask(v4).then(
      () => true,
      () => false,
    ),
  );
  await replica("two", port, { service: "web" });
  await replica("three", port, { service: "web" });
  expect(JSON.parse(await docker("inspect", "-f", "{{json .NetworkSettings.Ports}}", "three"))).toEqual({
    "80/tcp": ["0.0.0.0", "::"].map((HostIp) => ({ HostIp, HostPort: String(port) })),
  });
  for (const address of [v4, v6]) {
    await eventually(async () => (await answers(address)).join() === "one,three,two", 20_000);
  }

  let isOver = false;
  const calls = (async () => {
    let count = 0;
    for (; !isOver; count++) await ask(v4);
    return count;
  })();
  await docker("stop", "two");
  expect(await answers(v4)).toEqual(["one", "three"]);
  await docker("start", "two");
  await eventually(async () => (await answers(v4)).includes("two"), 20_000);
  await daemon.kill();
  await daemon.restart();
  for (const address of [v4, v6]) expect(await answers(address)).toEqual(["one", "three", "two"]);
  isOver = true;
  expect(await calls).toBeGreaterThan(0);
  await docker("rm", "-f", "one");
  expect(await answers(v6)).toEqual(["three", "two"]);
  await docker("rm", "-f", "two", "three");
  expect(await ask(v4).catch(() => "refused")).toBe("refused");
});

test("a replica joins when it accepts connections, or when its health check says so", async () => {
  const port = await freePort();
  const address = `http://127.0.0.1:${port}/`;
  await replica("old", port, { service: "slow" });
  await eventually(() =>
    ask(address).then(
      () => true,
      () => false,
    ),
  );
  await replica("late", port, { service: "slow", before: "until [ -e /go ]; do sleep 0.02; done; " });
  const check = ["--health-cmd", "test -e /well", "--health-interval", "100ms"];
  await replica("checked", port, { service: "slow", flags: check });
  expect(await answers(address)).toEqual(["old"]);
  await docker("exec", "late", "touch", "/go");
  await eventually(async () => (await answers(address)).join() === "late,old", 20_000);
  await docker("exec", "checked", "touch", "/well");
  await eventually(async () => (await answers(address)).join() === "checked,late,old", 20_000);
  await docker("rm", "-f", "old", "late", "checked");
});

test("other services, one-off containers and other programs do not share", async () => {
  const port = await freePort();
  await replica("mine", port, { service: "one" });
  await expect(replica("other", port, { service: "two" })).rejects.toThrow("port is already allocated");
  const oneOff = replica("off", port, { service: "one", flags: ["--label", "com.docker.compose.oneoff=True"] });
  await expect(oneOff).rejects.toThrow("port is already allocated");
  await docker("rm", "-f", "mine", "other", "off");
});
