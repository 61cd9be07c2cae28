/**
 * Networking in the real kernel. Everything happens in a network and mount namespace of its own: the file starts itself
 * again in there, so that nothing of it can be left on the machine.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type DnsAnswer, encodeAnswer, parseQuery } from "../../src/dns/message.ts";
import { parseIp } from "../../src/lib/ip-address.ts";
import type { SandboxRequest, SandboxState } from "../../src/network/contract.ts";
import { createNetworkController } from "../../src/network/create-network-controller.ts";
import { NetnsServer } from "../../src/runtime/netns-server.ts";
import type { Collection, StateStore } from "../../src/store/contract.ts";
import { eventually } from "../support/daemon.ts";
import { failureOf } from "../support/failure.ts";
import { PATIENCE } from "../support/patience.ts";

const MONITOR = join(import.meta.dir, "../../dist/native/naru-monitor");
const INSTANCE = "7e57ab1e";
const INSIDE = "NARU_TEST_NETWORK_NAMESPACE";
/** Until a call that nobody shall answer is given up. */
const IN_VAIN_SECONDS = 1;
/** Says back what it gets on UDP port 90. */
const ECHO = `const socket = require("node:dgram").createSocket("udp4");
socket.on("message", (bytes, from) => socket.send(bytes, from.port, from.address)).bind(90);`;
const missing = [
  ...(process.getuid?.() === 0 ? [] : ["root"]),
  ...(existsSync(MONITOR) ? [] : ["dist/native/naru-monitor (npm run build)"]),
  ...["unshare", "nsenter", "busybox", "nft", "ip", "iptables-nft"].filter((tool) => Bun.which(tool) === null),
];

if (process.env[INSIDE] === undefined) {
  test.skipIf(missing.length > 0)(
    `networking in a namespace of its own ${missing.join(", ")}`,
    async () => {
      const script = 'ip link set lo up && ip address add 192.0.2.2/32 dev lo && exec "$0" test --timeout 120000 "$1"';
      const child = Bun.spawn(["unshare", "-n", "-m", "sh", "-c", script, process.execPath, import.meta.path], {
        env: { ...process.env, [INSIDE]: "1" },
        stdout: "pipe",
        stderr: "pipe",
      });
      const [output, errors] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      if ((await child.exited) !== 0) throw new Error(output + errors);
    },
    120_000,
  );
} else {
  scenario();
}

/** A store without a file. */
function memoryStore(): StateStore {
  const collections = new Map<string, Collection<unknown>>();
  const create = (): Collection<unknown> => {
    const records = new Map<string, unknown>();
    return {
      get: (key) => records.get(key),
      has: (key) => records.has(key),
      values: () => records.values(),
      entries: () => records.entries(),
      get size() {
        return records.size;
      },
      async put(key, value) {
        records.set(key, structuredClone(value));
      },
      async propose(key, value) {
        records.set(key, structuredClone(value));
      },
      async delete(key) {
        records.delete(key);
      },
    };
  };
  return {
    collection<T>(name: string): Collection<T> {
      const found = collections.get(name) ?? create();
      collections.set(name, found);
      return found as Collection<T>;
    },
    async flush() {},
    async sync() {},
    async close() {},
  };
}

async function run(...command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return output + errors;
}

const inside = ({ namespacePath }: SandboxState): string[] => ["nsenter", `--net=${namespacePath}`];

/** What a server at that port says, seen from a container or from the machine; "" when it does not answer in that time. */
async function call(
  from: SandboxState | undefined,
  ip: string,
  port: number,
  seconds = 20 * PATIENCE,
): Promise<string> {
  const client = ["timeout", String(seconds), "busybox", "nc", ip, String(port)];
  const said = await run(...(from === undefined ? [] : inside(from)), ...client);
  return said.trim() === "hello" ? "hello" : "";
}

/** The addresses that a container's name server has for a name. */
async function lookUp(from: SandboxState, name: string): Promise<string[]> {
  const output = await run(...inside(from), "busybox", "nslookup", name, "127.0.0.11");
  const answers = output.split("\n").slice(3);
  return answers.flatMap((line) => /^Address(?: \d+)?:\s*([0-9a-f.:]+)$/.exec(line.trim())?.[1] ?? []);
}

const request = (digit: string, network: string, more: Partial<SandboxRequest> = {}): SandboxRequest => ({
  containerId: digit.repeat(64),
  containerName: `c${digit}`,
  hostname: digit.repeat(12),
  domainname: "",
  endpoints: [{ network, settings: {} }],
  portBindings: {},
  exposedPorts: [],
  publishAllPorts: false,
  links: [],
  dns: [],
  dnsOptions: [],
  dnsSearch: [],
  extraHosts: [],
  ...more,
});

/** Interfaces and firewall rules, by their names. */
async function kernelState(): Promise<string> {
  const links = (await run("ip", "-o", "link")).split("\n").map((line) => line.split(":")[1]?.trim());
  return `${links.join(" ")}\n${await run("nft", "list", "ruleset")}`;
}

function scenario(): void {
  const root = mkdtempSync("/tmp/naru-network-");
  const store = memoryStore();
  const netns = NetnsServer.start(MONITOR);
  const warnings: string[] = [];
  const start = () =>
    createNetworkController({ store, netns, execRoot: root, instance: INSTANCE, warn: (text) => warnings.push(text) });
  let networks: Awaited<ReturnType<typeof start>>;
  let before = "";
  let web: SandboxState;
  let neighbour: SandboxState;
  const servers: ReturnType<typeof Bun.spawn>[] = [];
  /** Runs a program for every connection to a port in there. */
  const serve = async (at: SandboxState, port: number, ...program: string[]): Promise<void> => {
    servers.push(Bun.spawn([...inside(at), "busybox", "nc", "-ll", "-p", String(port), "-e", ...program]));
    await eventually(async () => (await run(...inside(at), "ss", "-Hltn", `sport = :${port}`)) !== "");
  };
  const sayHello = (at: SandboxState, port: number) => serve(at, port, "echo", "hello");

  beforeAll(async () => {
    before = await kernelState();
    networks = await start();
  });
  afterAll(async () => {
    for (const server of servers) server.kill();
    await netns.stop();
    rmSync(root, { recursive: true, force: true });
  });

  describe("the default bridge", () => {
    test("openSandbox() gives addresses in order, a default route and files", async () => {
      web = await networks.openSandbox(
        request("1", "bridge", {
          portBindings: {
            "80/tcp": [
              { HostIp: "", HostPort: "8080" },
              { HostIp: "127.0.0.1", HostPort: "8081" },
            ],
          },
          exposedPorts: ["99/tcp"],
        }),
      );
      neighbour = await networks.openSandbox(
        request("2", "bridge", { links: [{ containerId: "1".repeat(64), alias: "db" }] }),
      );
      expect([web, neighbour].map(({ endpoints }) => endpoints.bridge?.IPAddress)).toEqual([
        "172.17.0.2",
        "172.17.0.3",
      ]);
      expect(await run(...inside(web), "ip", "route")).toContain("default via 172.17.0.1 dev eth0");
      expect(await run(...inside(web), "ip", "-6", "address", "show", "dev", "eth0")).toBe("");
      expect(neighbour.hosts).toContain("172.17.0.2\tdb 111111111111 c1\n172.17.0.3\t222222222222\n");
      expect(web.ports).toEqual({
        "99/tcp": null,
        "80/tcp": [
          { HostIp: "0.0.0.0", HostPort: "8080" },
          { HostIp: "::", HostPort: "8080" },
          { HostIp: "127.0.0.1", HostPort: "8081" },
        ],
      });
    });

    test("a published port answers from everywhere", async () => {
      await sayHello(web, 80);
      for (const ip of ["127.0.0.1", "192.0.2.2", "172.17.0.1", "::1"])
        expect([ip, await call(undefined, ip, 8080)]).toEqual([ip, "hello"]);
      expect(await call(neighbour, "172.17.0.1", 8080)).toBe("hello");
      expect(await call(web, "172.17.0.1", 8080)).toBe("hello");
      expect(await call(undefined, "127.0.0.1", 8081)).toBe("hello");
      expect(await call(undefined, "192.0.2.2", 8081, IN_VAIN_SECONDS)).toBe("");
    });

    test("a port is given once, and what others have is not given", async () => {
      const clash = networks.openSandbox(
        request("3", "bridge", { portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8080" }] } }),
      );
      await expect(clash).rejects.toThrow(
        /^driver failed programming external connectivity on endpoint c3 \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:8080 failed: port is already allocated$/,
      );
      const foreign = Bun.listen({ hostname: "0.0.0.0", port: 8090, socket: { data() {} } });
      const taken = networks.openSandbox(
        request("3", "bridge", { portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8090-8091" }] } }),
      );
      expect((await taken).ports["80/tcp"]?.[0]?.HostPort).toBe("8091");
      await networks.closeSandbox("3".repeat(64));
      const single = networks.openSandbox(
        request("3", "bridge", { portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8090" }] } }),
      );
      await expect(single).rejects.toThrow(
        "failed to bind host port for 0.0.0.0:8090:172.17.0.4:80/tcp: address already in use",
      );
      foreign.stop();
      expect(() => Bun.listen({ hostname: "0.0.0.0", port: 8080, socket: { data() {} } })).toThrow();
      expect(networks.findSandbox("3".repeat(64))).toBeUndefined();
    });

    test("a UDP port answers, also a client that has been sending since before it was published", async () => {
      const answers: string[] = [];
      const client = createSocket("udp4");
      client.on("error", () => {});
      client.on("message", (bytes) => answers.push(bytes.toString()));
      const sending = setInterval(() => client.send("echo", 8092, "127.0.0.1"), 20);
      await Bun.sleep(100);
      const echo = await networks.openSandbox(
        request("3", "bridge", { portBindings: { "90/udp": [{ HostIp: "", HostPort: "8092" }] } }),
      );
      servers.push(Bun.spawn([...inside(echo), process.execPath, "-e", ECHO]));
      await eventually(() => answers.length > 0);
      expect(answers[0]).toBe("echo");
      const sixth = createSocket("udp6");
      const relayed = new Promise((resolve) => sixth.on("message", (bytes) => resolve(bytes.toString())));
      sixth.send("relayed", 8092, "::1");
      expect(await relayed).toBe("relayed");
      clearInterval(sending);
      client.close();
      sixth.close();
      await networks.closeSandbox("3".repeat(64));
    });

    test("counters are read per interface", async () => {
      const stats = await networks.readInterfaceStats("1".repeat(64));
      expect(Object.keys(stats)).toEqual(["eth0"]);
      expect(stats.eth0?.rx_packets).toBeGreaterThan(0);
    });

    test("requests are counted, also those of one connection, and neither answers nor what stays inside", async () => {
      const id = "1".repeat(64);
      await serve(web, 81, "cat");
      expect(await networks.countRequests(id)).toBe(0);
      // Each line goes when the answer to the one before is there.
      const ask = `exec 3<>/dev/tcp/172.17.0.2/81; for i in 1 2 3 4 5; do echo "$i" >&3; read -r answer <&3; done`;
      await run("bash", "-c", ask);
      expect(await networks.countRequests(id)).toBe(5);
      await run(...inside(web), "bash", "-c", ask.replace("172.17.0.2", "127.0.0.1"));
      await serve(neighbour, 82, "cat");
      await run(...inside(web), "bash", "-c", ask.replace("172.17.0.2/81", "172.17.0.3/82"));
      expect(await networks.countRequests(id)).toBe(5);
      expect(await networks.countRequests("f".repeat(64))).toBeUndefined();
    });
  });

  describe("networks of one's own", () => {
    let first: SandboxState;
    let second: SandboxState;
    test("answer names, also by TCP of a reverse and an outside name", async () => {
      await networks.createNetwork({
        Name: "front",
        IPAM: { Config: [{ Subnet: "10.77.0.0/24", IPRange: "10.77.0.128/25" }] },
      });
      const upstream = createSocket("udp4");
      upstream.on("message", (bytes, from) => {
        const answer: DnsAnswer = { type: "address", address: parseIp("203.0.113.7")! };
        const query = parseQuery(bytes)!;
        upstream.send(encodeAnswer(query, query.type === 1 ? [answer] : []), from.port, from.address);
      });
      await new Promise<void>((resolve) => upstream.bind(53, "127.0.0.1", resolve));
      first = await networks.openSandbox(request("4", "front", { dns: ["127.0.0.1"] }));
      second = await networks.openSandbox(
        request("5", "front", {
          endpoints: [{ network: "front", settings: { Aliases: ["web"], IPAMConfig: { IPv4Address: "10.77.0.9" } } }],
        }),
      );
      expect(first.endpoints.front?.IPAddress).toBe("10.77.0.129");
      expect(first.heldDescriptors.length).toBe(2);
      for (const name of ["c5", "web", "web.front", "555555555555"])
        expect([name, await lookUp(first, name)]).toEqual([name, ["10.77.0.9"]]);
      expect(await lookUp(first, "example.com")).toEqual(["203.0.113.7"]);
      expect(await run(...inside(first), "busybox", "nslookup", "10.77.0.9", "127.0.0.11")).toContain(
        "name = c5.front",
      );
      await networks.renameContainer("5".repeat(64), "renamed");
      expect(await lookUp(first, "renamed")).toEqual(["10.77.0.9"]);
      expect(await lookUp(first, "c5")).toEqual(["203.0.113.7"]);
      upstream.close();
    });

    test("are closed to each other but for published ports", async () => {
      expect(await call(first, "172.17.0.2", 80, IN_VAIN_SECONDS)).toBe("");
      expect(await call(first, "172.17.0.1", 8080)).toBe("hello");
      await sayHello(second, 81);
      expect(await call(first, "10.77.0.9", 81)).toBe("hello");
    });

    test("connect() and disconnect() work on a running container, ports and names included", async () => {
      const connected = await networks.connect("1".repeat(64), "front", { Aliases: ["shop"] });
      expect(connected.endpoints.front).toMatchObject({
        IPAddress: "10.77.0.130",
        DNSNames: ["c1", "shop", "111111111111"],
      });
      expect(connected.resolvConf).toContain("nameserver 127.0.0.11");
      expect(await lookUp(first, "shop")).toEqual(["10.77.0.130"]);
      expect(await lookUp(connected, "c4")).toEqual(["10.77.0.129"]);
      expect(await call(first, "10.77.0.130", 80)).toBe("hello");
      await expect(networks.connect("1".repeat(64), "front", {})).rejects.toThrow(
        "endpoint with name c1 already exists in network front",
      );
      await networks.disconnect("1".repeat(64), "bridge", { force: false });
      expect(await run(...inside(web), "ip", "route")).toContain("default via 10.77.0.128 dev eth1");
      expect(await call(undefined, "127.0.0.1", 8080)).toBe("hello");
      await networks.connect("1".repeat(64), "bridge", {});
      await networks.disconnect("1".repeat(64), "front", { force: false });
      expect(await call(undefined, "127.0.0.1", 8080)).toBe("hello");
      await expect(networks.disconnect("1".repeat(64), "front", { force: false })).rejects.toThrow(
        "is not connected to network front",
      );
    });

    test("refuse what cannot be", async () => {
      await expect(networks.removeNetwork("front")).rejects.toThrow(
        /^error while removing network: network front has active endpoints \(name:"c4" id:"[0-9a-f]{12}", name:"renamed"/,
      );
      await expect(networks.removeNetwork("bridge")).rejects.toThrow(
        "bridge is a pre-defined network and cannot be removed",
      );
      await expect(networks.createNetwork({ Name: "front" })).rejects.toThrow("network with name front already exists");
      const overlapping = networks.createNetwork({ Name: "x", IPAM: { Config: [{ Subnet: "10.77.0.0/25" }] } });
      await expect(overlapping).rejects.toThrow(
        "invalid pool request: Pool overlaps with other one on this address space",
      );
      await expect(networks.openSandbox(request("9", "nope"))).rejects.toThrow("network nope not found");
      const wished = { endpoints: [{ network: "front", settings: { IPAMConfig: { IPv4Address: "10.77.0.9" } } }] };
      await expect(networks.openSandbox(request("9", "front", wished))).rejects.toThrow("Address already in use");
    });

    test("internal ones have no way out, those without icc no way to neighbours", async () => {
      await networks.createNetwork({ Name: "inner", Internal: true });
      await networks.createNetwork({ Name: "quiet", Options: { "com.docker.network.bridge.enable_icc": "false" } });
      const inner = await networks.openSandbox(
        request("6", "inner", { portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8099" }] } }),
      );
      expect(inner.ports).toEqual({});
      expect(await run(...inside(inner), "ip", "route")).not.toContain("default");
      expect(await call(inner, "172.17.0.1", 8080, IN_VAIN_SECONDS)).toBe("");
      const loud = await networks.openSandbox(request("7", "quiet"));
      const quiet = await networks.openSandbox(request("8", "quiet"));
      await sayHello(loud, 82);
      expect(await call(quiet, loud.endpoints.quiet?.IPAddress ?? "", 82, IN_VAIN_SECONDS)).toBe("");
      expect(await call(undefined, loud.endpoints.quiet?.IPAddress ?? "", 82)).toBe("hello");
      for (const digit of ["6", "7", "8"]) await networks.closeSandbox(digit.repeat(64));
      for (const name of ["inner", "quiet"]) await networks.removeNetwork(name);
    });

    test("routed ones lead neighbours through the machine, and nobody past it", async () => {
      const Options = { "dev.naru.network.routes_neighbours": "true" };
      await networks.createNetwork({ Name: "led", Options, IPAM: { Config: [{ Subnet: "10.78.0.0/24" }] } });
      const first = await networks.openSandbox(request("6", "led"));
      const second = await networks.openSandbox(request("7", "led"));
      expect(await run(...inside(second), "ip", "route")).toBe("default via 10.78.0.1 dev eth0 onlink \n");
      await sayHello(first, 84);
      expect(await call(second, "10.78.0.2", 84)).toBe("hello");
      expect(await call(undefined, "10.78.0.2", 84)).toBe("hello");
      // The neighbour's own hardware address instead of the gateway's.
      const mac = first.endpoints.led?.MacAddress ?? "";
      await run(...inside(second), "ip", "route", "add", "10.78.0.2", "dev", "eth0");
      await run(...inside(second), "ip", "neigh", "replace", "10.78.0.2", "lladdr", mac, "dev", "eth0");
      expect(await run(...inside(second), "ip", "route", "get", "10.78.0.2")).toStartWith("10.78.0.2 dev eth0");
      expect(await call(second, "10.78.0.2", 84, IN_VAIN_SECONDS)).toBe("");
      // Rules that somebody flushes are back in a moment.
      await run("nft", "flush", "ruleset");
      await eventually(async () => (await run("nft", "list", "tables")).includes("table bridge "));
      expect(await call(second, "10.78.0.2", 84, IN_VAIN_SECONDS)).toBe("");
      await run(...inside(second), "ip", "route", "del", "10.78.0.2", "dev", "eth0");
      expect(await call(second, "10.78.0.2", 84)).toBe("hello");
      for (const digit of ["6", "7"]) await networks.closeSandbox(digit.repeat(64));
      await networks.removeNetwork("led");
      expect(await run("nft", "list", "tables")).not.toContain("bridge");
    });

    test("with IPv6 give addresses of both versions, also where the machine has IPv6 off for new interfaces", async () => {
      await Bun.write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
      await networks.createNetwork({ Name: "six", EnableIPv6: true, IPAM: { Config: [{ Subnet: "fd00:77::/64" }] } });
      const six = await networks.openSandbox(request("6", "six"));
      expect(six.endpoints.six).toMatchObject({ GlobalIPv6Address: "fd00:77::2", IPv6Gateway: "fd00:77::1" });
      expect(await run(...inside(six), "ip", "-6", "route")).toContain("default via fd00:77::1 dev eth0");
      await sayHello(six, 83);
      expect(await call(undefined, "fd00:77::2", 83)).toBe("hello");
      await networks.closeSandbox("6".repeat(64));
      await networks.removeNetwork("six");
    });

    test("that cannot be made leave no bridge", async () => {
      const links = () => run("ip", "-br", "link", "show", "type", "bridge");
      const before = await links();
      // Addresses of many are nobody's own: the kernel refuses the gateway's.
      const IPAM = { Config: [{ Subnet: "ff05:77::/64" }] };
      const failure = await failureOf(networks.createNetwork({ Name: "many", EnableIPv6: true, IPAM }));
      expect(failure.message).toStartWith("add address ff05:77::1/64: ");
      expect(await links()).toBe(before);
      expect(() => networks.getNetwork("many")).toThrow("network many not found");
    });
  });

  test("another firewall that drops everything is told about our bridges, again when it is reloaded", async () => {
    await run("iptables-nft", "-P", "FORWARD", "DROP");
    for (const _ of [1, 2]) {
      const rule = `-A FORWARD -o nr${INSTANCE.slice(0, 6)}-+ -m comment`;
      await eventually(async () => (await run("iptables-nft", "-S", "FORWARD")).includes(rule));
      expect(await call(neighbour, "172.17.0.1", 8080)).toBe("hello");
      await run("iptables-nft", "-F", "FORWARD");
    }
    await run("nft", "flush", "ruleset");
    await eventually(async () => (await call(undefined, "127.0.0.1", 8080)) === "hello");
  });

  test("a new daemon takes over: ports never cease, names are answered by the sockets that were kept", async () => {
    await networks.close();
    expect(await call(undefined, "127.0.0.1", 8080)).toBe("hello");
    networks = await start();
    for (const digit of ["1", "2", "4"]) expect(await networks.restoreSandbox(digit.repeat(64))).toBeDefined();
    await networks.sweep(new Set(["1", "2", "4"].map((digit) => digit.repeat(64))));
    expect(networks.findSandbox("5".repeat(64))).toBeUndefined();
    expect(await call(undefined, "127.0.0.1", 8080)).toBe("hello");
    expect(await call(undefined, "::1", 8080)).toBe("hello");
    const first = networks.findSandbox("4".repeat(64))!;
    expect(await lookUp(first, "c4")).toEqual(["10.77.0.129"]);
    const next = await networks.openSandbox(request("5", "front"));
    expect(next.endpoints.front?.IPAddress).toBe("10.77.0.130");
    await networks.closeSandbox("5".repeat(64));
  });

  test("nothing is left when the last container is gone", async () => {
    for (const digit of ["1", "2", "4"]) await networks.closeSandbox(digit.repeat(64));
    await networks.removeNetwork("front");
    await networks.close();
    await run("iptables-nft", "-P", "FORWARD", "ACCEPT");
    await run("nft", "delete", "table", "ip", "filter");
    await eventually(async () => (await kernelState()) === before);
    expect((await run("ls", join(root, "netns"))).trim()).toBe("");
    expect(warnings).toEqual([]);
  });
}
