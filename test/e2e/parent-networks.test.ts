/** Networks on an interface of the machine's own (macvlan, ipvlan), and SCTP: as far as this machine's kernel has them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually, importBusybox, run, startDaemon, type TestDaemon } from "../support/daemon.ts";

/** A wire with two ends: the networks stand on the first. */
const PARENT = "nrtest-p0";
const FAR_END = "nrtest-p1";

// Here already: what the kernel can do is asked with it.
await run(["ip", "link", "add", PARENT, "type", "veth", "peer", "name", FAR_END]);
await run(["ip", "link", "set", PARENT, "up"]);
await run(["ip", "link", "set", FAR_END, "up"]);

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(async () => {
  await daemon?.stop();
  await run(["ip", "link", "del", PARENT]);
});

/** Whether the kernel makes interfaces of this kind. */
async function kernelHas(...kind: string[]): Promise<boolean> {
  const on = kind[0] === "dummy" ? [] : ["link", PARENT];
  await run(["ip", "link", "add", ...on, "name", "nrtest-try", "type", ...kind]);
  const made = (await run(["ip", "link", "show", "nrtest-try"])).code === 0;
  if (made) await run(["ip", "link", "del", "nrtest-try"]);
  return made;
}
const HAS_IPVLAN = await kernelHas("ipvlan");
const HAS_DUMMY = await kernelHas("dummy");
const HAS_VLAN = await kernelHas("vlan", "id", "7");
const PYTHON_SCTP = "import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)";
const HAS_SCTP = (await run(["python3", "-c", PYTHON_SCTP])).code === 0;

async function create(name: string, ...options: string[]) {
  return daemon.docker(["network", "create", ...options, name]);
}
async function inside(name: string, ...command: string[]): Promise<string> {
  return (await daemon.docker(["exec", name, ...command])).stdout;
}

describe("macvlan", () => {
  test("containers have addresses on the parent, see each other by name, and outlive the daemon", async () => {
    expect((await create("mac", "-d", "macvlan", "--subnet", "10.201.7.0/24", "-o", `parent=${PARENT}`)).code).toBe(0);
    const server = ["run", "-d", "--name", "server", "--network", "mac", "--ip", "10.201.7.9", "-p", "8080:80"];
    expect((await daemon.docker([...server, "busybox", "sleep", "1000"])).code).toBe(0);
    expect(await inside("server", "ip", "-4", "addr", "show", "eth0")).toContain("inet 10.201.7.9/24");
    expect(await inside("server", "ip", "route")).toContain("default via 10.201.7.1 dev eth0");
    const network = JSON.parse((await daemon.docker(["network", "inspect", "mac"])).stdout)[0];
    expect(network).toMatchObject({ Driver: "macvlan", Options: { parent: PARENT }, Scope: "local" });
    expect(Object.values(network.Containers)).toEqual([
      expect.objectContaining({ Name: "server", IPv4Address: "10.201.7.9/24" }),
    ]);
    const settings = JSON.parse((await daemon.docker(["inspect", "server"])).stdout)[0].NetworkSettings;
    expect(settings.Ports).toEqual({});
    const ping = ["run", "--rm", "--network", "mac", "busybox", "ping", "-c1", "-W2", "server"];
    expect((await daemon.docker(ping)).stdout).toContain("1 packets received");

    await daemon.kill("SIGKILL");
    await daemon.restart();
    expect((await daemon.docker(ping)).stdout).toContain("1 packets received");
    const taken = await daemon.docker([...server.with(3, "second").with(7, "10.201.7.9"), "busybox", "true"]);
    expect(taken.stderr).toContain("Address already in use");
    expect((await daemon.docker(["network", "rm", "mac"])).stderr).toContain("has active endpoints");
    await daemon.docker(["rm", "-f", "server", "second"]);
    expect((await daemon.docker(["network", "rm", "mac"])).code).toBe(0);
    expect((await run(["ip", "link", "show", PARENT])).code).toBe(0);
  });

  test("connecting and disconnecting a running container", async () => {
    await create("live", "-d", "macvlan", "--subnet", "10.201.8.0/24", "-o", `parent=${PARENT}`);
    await daemon.docker(["run", "-d", "--name", "walker", "busybox", "sleep", "1000"]);
    expect((await daemon.docker(["network", "connect", "live", "walker"])).stderr).toBe("");
    expect(await inside("walker", "ip", "-4", "addr", "show", "eth1")).toContain("inet 10.201.8.2/24");
    expect((await daemon.docker(["network", "disconnect", "live", "walker"])).stderr).toBe("");
    expect((await daemon.docker(["exec", "walker", "ip", "link", "show", "eth1"])).code).not.toBe(0);
    await daemon.docker(["rm", "-f", "walker"]);
    await daemon.docker(["network", "rm", "live"]);
  });

  test.each([
    ["nowhere", [], "invalid subinterface vlan name nowhere, example formatting is eth0.10"],
    ["nowhere.7", [], "parent interface nowhere was not found"],
    [`${PARENT}.x`, [], "unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)"],
    ["lo", [], "loopback interface is not a valid macvlan parent link"],
    [
      PARENT,
      ["-o", "macvlan_mode=zz"],
      "requested macvlan mode 'zz' is not valid, 'bridge' mode is the macvlan driver default",
    ],
  ])("a parent or mode that cannot be is refused in docker's words: %s %j", async (parent, options, words) => {
    const refused = await create("bad", "-d", "macvlan", "-o", `parent=${parent}`, ...options);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(words);
    expect((await daemon.docker(["network", "inspect", "bad"])).code).toBe(1);
  });

  test.skipIf(!HAS_VLAN)("a VLAN of the parent comes and goes with the network", async () => {
    expect(
      (await create("vlan", "-d", "macvlan", "--subnet", "10.201.9.0/24", "-o", `parent=${PARENT}.7`)).stderr,
    ).toBe("");
    expect((await run(["ip", "-d", "link", "show", `${PARENT}.7`])).stdout).toContain("vlan protocol 802.1Q id 7");
    const done = await daemon.docker([
      "run",
      "--rm",
      "--network",
      "vlan",
      "busybox",
      "ip",
      "-4",
      "addr",
      "show",
      "eth0",
    ]);
    expect(done.stdout).toContain("inet 10.201.9.2/24");
    await daemon.docker(["network", "rm", "vlan"]);
    expect((await run(["ip", "link", "show", `${PARENT}.7`])).code).not.toBe(0);
  });

  test.skipIf(!HAS_DUMMY)("without a parent, containers reach only each other", async () => {
    expect((await create("alone", "-d", "macvlan")).stderr).toBe("");
    await daemon.docker(["run", "-d", "--name", "other", "--network", "alone", "busybox", "sleep", "1000"]);
    const ping = await daemon.docker(["run", "--rm", "--network", "alone", "busybox", "ping", "-c1", "-W2", "other"]);
    expect(ping.stdout).toContain("1 packets received");
    await daemon.docker(["rm", "-f", "other"]);
    await daemon.docker(["network", "rm", "alone"]);
  });
});

describe("ipvlan", () => {
  test.skipIf(!HAS_IPVLAN).each([
    ["l2", "default via 10.201.10.1 dev eth0"],
    ["l3", "default dev eth0"],
  ])("mode %s", async (mode, route) => {
    const options = [
      "-d",
      "ipvlan",
      "--subnet",
      "10.201.10.0/24",
      "-o",
      `parent=${PARENT}`,
      "-o",
      `ipvlan_mode=${mode}`,
    ];
    expect((await create("ipv", ...options)).stderr).toBe("");
    await daemon.docker(["run", "-d", "--name", "first", "--network", "ipv", "busybox", "sleep", "1000"]);
    expect(await inside("first", "ip", "route")).toContain(route);
    const ping = await daemon.docker(["run", "--rm", "--network", "ipv", "busybox", "ping", "-c1", "-W2", "first"]);
    expect(ping.stdout).toContain("1 packets received");
    await daemon.docker(["rm", "-f", "first"]);
    expect((await daemon.docker(["network", "rm", "ipv"])).code).toBe(0);
  });

  test.skipIf(HAS_IPVLAN)("a kernel without it is told", async () => {
    const refused = await create("ipv", "-d", "ipvlan", "-o", `parent=${PARENT}`);
    expect(refused.stderr).toContain("this machine's kernel has no ipvlan interfaces");
    expect((await daemon.docker(["network", "inspect", "ipv"])).code).toBe(1);
  });
});

/** The kernel of this machine may have no SCTP at all: then nobody could connect. */
test.skipIf(!HAS_SCTP)("SCTP passes through a published port", async () => {
  await daemon.docker(["run", "-d", "--name", "sctp", "-p", "127.0.0.1:7132:132/sctp", "busybox", "sleep", "1000"]);
  expect((await daemon.docker(["port", "sctp"])).stdout).toBe("132/sctp -> 127.0.0.1:7132\n");
  const pid = JSON.parse((await daemon.docker(["inspect", "sctp"])).stdout)[0].State.Pid;
  const serve = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132); s.bind(("0.0.0.0", 132)); s.listen(1)
c, _ = s.accept(); c.send(c.recv(100).upper()); c.close()`;
  const server = Bun.spawn(["nsenter", "-t", String(pid), "-n", "python3", "-c", serve], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ask = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132); s.settimeout(3); s.connect(("127.0.0.1", 7132))
s.send(b"over sctp"); print(s.recv(100).decode())`;
  try {
    await eventually(async () => (await run(["python3", "-c", ask])).stdout === "OVER SCTP\n");
  } finally {
    server.kill();
    await daemon.docker(["rm", "-f", "sctp"]);
  }
});
