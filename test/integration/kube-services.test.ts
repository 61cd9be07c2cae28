/** The kernel carries services: real rules, real connections, on a bridge with addresses that nobody else has. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { ServiceFirewall } from "../../src/kube/services/service-firewall.ts";
import type { ServiceBack, ServiceFront } from "../../src/kube/services/service-table.ts";
import { eventually } from "../support/daemon.ts";

const BRIDGE = `nrt${process.pid}`;
const HERE = "10.231.255.1";
const CIDR = "10.231.0.0/24";
const FRONT: ServiceFront = { protocol: "TCP", ip: "10.231.0.10", port: 80 };
const servers: Server[] = [];
const backs: ServiceBack[] = [];
let firewall: ServiceFirewall;

async function ip(...args: string[]): Promise<void> {
  const child = Bun.spawn(["ip", ...args], { stdout: "ignore", stderr: "pipe" });
  if ((await child.exited) !== 0) throw new Error(`ip ${args.join(" ")}: ${await new Response(child.stderr).text()}`);
}

beforeAll(async () => {
  await ip("link", "add", BRIDGE, "type", "bridge");
  await ip("link", "set", BRIDGE, "up");
  await ip("address", "add", `${HERE}/32`, "dev", BRIDGE);
  await ip("route", "add", CIDR, "dev", BRIDGE);
  for (let index = 0; index < 3; index++) {
    const server = createServer((socket) => socket.end(String(index)));
    server.listen(0, HERE);
    await once(server, "listening");
    servers.push(server);
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    backs.push({ ip: HERE, port: address.port });
  }
});
afterAll(async () => {
  for (const server of servers) server.close();
  await ip("link", "del", BRIDGE);
});
beforeEach(() => {
  firewall = new ServiceFirewall(`naru-test-${process.pid}-services`, [CIDR]);
});
afterEach(() => firewall.close());

async function freePort(): Promise<number> {
  const free = createServer().listen(0, HERE);
  await once(free, "listening");
  const { port } = free.address() as { port: number };
  free.close();
  await once(free, "close");
  return port;
}

/** Which server answers; or the error's code. */
async function ask({ ip: host, port }: { ip: string; port: number }): Promise<string> {
  const socket = connect({ host, port });
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  try {
    await once(socket, "close");
    return text;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
async function shares(front: Pick<ServiceFront, "ip" | "port">, count: number): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (let index = 0; index < count; index++) {
    const who = await ask(front);
    found.set(who, (found.get(who) ?? 0) + 1);
  }
  return found;
}

test("one endpoint, then several, then none: connections follow at once", async () => {
  const apply = (...to: ServiceBack[]) => firewall.apply([{ front: FRONT, backs: to, affinitySeconds: 0 }]);
  apply(backs[0]!);
  expect(await ask(FRONT)).toBe("0");
  apply(...backs);
  const all = await shares(FRONT, 90);
  expect([...all.keys()].sort()).toEqual(["0", "1", "2"]);
  // Thirty are expected of each: fewer than ten has a chance of one in a million.
  expect(Math.min(...all.values())).toBeGreaterThan(9);
  apply(backs[2]!);
  expect([...(await shares(FRONT, 10)).keys()]).toEqual(["2"]);
  apply();
  expect(await ask(FRONT)).toBe("ECONNREFUSED");
  firewall.apply([]);
  expect(await ask(FRONT)).toBe("ECONNREFUSED");
  expect(await ask({ ip: "10.231.0.99", port: 1 })).toBe("ECONNREFUSED");
});

test("more endpoints than few slots hold", async () => {
  const many = Array.from({ length: 40 }, (_one, at) => backs[at % 3]!);
  firewall.apply([{ front: FRONT, backs: many, affinitySeconds: 0 }]);
  expect([...(await shares(FRONT, 60)).keys()].sort()).toEqual(["0", "1", "2"]);
});

test("a port on every address of this machine", async () => {
  const port = await freePort();
  firewall.apply([{ front: { protocol: "TCP", ip: "0.0.0.0", port }, backs: [backs[1]!], affinitySeconds: 0 }]);
  expect(await ask({ ip: HERE, port })).toBe("1");
  expect(await ask({ ip: HERE, port: backs[0]!.port })).toBe("0");
});

test("a client keeps its endpoint, for as long as that endpoint is there", async () => {
  const apply = (...to: ServiceBack[]) => firewall.apply([{ front: FRONT, backs: to, affinitySeconds: 300 }]);
  apply(...backs);
  const first = await shares(FRONT, 30);
  expect(first.size).toBe(1);
  const [who] = first.keys();
  apply(...backs.filter((_back, at) => String(at) !== who));
  const next = await shares(FRONT, 30);
  expect([next.size, next.has(who!)]).toEqual([1, false]);
  // The endpoint of before is no better than others when it comes back.
  apply(...backs);
  expect(await shares(FRONT, 30)).toEqual(next);
});

test("a client keeps its endpoint of each service when those of others go, on every address of this machine too", async () => {
  const other: ServiceFront = { ...FRONT, ip: "10.231.0.11" };
  const port = await freePort();
  const local: ServiceFront = { protocol: "TCP", ip: "0.0.0.0", port };
  const apply = (to: ServiceBack[], toOther: ServiceBack[]) =>
    firewall.apply([
      { front: FRONT, backs: to, affinitySeconds: 300 },
      { front: local, backs: to, affinitySeconds: 300 },
      ...(toOther.length === 0 ? [] : [{ front: other, backs: toOther, affinitySeconds: 600 }]),
    ]);
  const keepers = [FRONT, { ip: HERE, port }];
  apply(backs, []);
  const kept = await Promise.all(keepers.map((front) => shares(front, 20)));
  // Other ranges and times are new rules beside the remembered clients.
  firewall.setRanges([CIDR, "10.231.7.0/24"]);
  apply(backs, backs);
  expect(await ask({ ip: "10.231.7.1", port: 1 })).toBe("ECONNREFUSED");
  const [gone] = (await shares(other, 20)).keys();
  apply(
    backs,
    backs.filter((_back, at) => String(at) !== gone),
  );
  const now = await shares(other, 20);
  expect([now.size, now.has(gone!)]).toEqual([1, false]);
  expect(await Promise.all(keepers.map((front) => shares(front, 20)))).toEqual(kept);
  expect(kept.map(({ size }) => size)).toEqual([1, 1]);
});

test("a client's affinity ends with the service's time", async () => {
  const fronts = Array.from({ length: 8 }, (_one, at): ServiceFront => ({ ...FRONT, port: 80 + at }));
  firewall.apply(fronts.map((front) => ({ front, backs, affinitySeconds: 1 })));
  const first = await Promise.all(fronts.map(ask));
  await eventually(async () => {
    await Bun.sleep(1100);
    return !Bun.deepEquals(await Promise.all(fronts.map(ask)), first);
  }, 30_000);
});

test("nft prints the rules, those of session affinity and of sources too", async () => {
  const way = { front: FRONT, backs, affinitySeconds: 300 };
  firewall.apply([way]);
  // A chain more beside the others; spans change by their elements.
  firewall.apply([{ ...way, sources: [[1, 5]] }]);
  firewall.apply([{ ...way, sources: [[1, 9]] }]);
  const nft = Bun.spawn(["nft", "list", "table", "inet", firewall.tableName], { stdout: "pipe", stderr: "pipe" });
  const [printed, complaints] = await Promise.all([new Response(nft.stdout).text(), new Response(nft.stderr).text()]);
  expect([await nft.exited, complaints]).toEqual([0, ""]);
  expect(printed).toMatch(/update @clients-300 \{ ip saddr . meta l4proto .* timeout 5m : ip daddr . th dport \}/);
  expect(printed).toMatch(/set sources \{[^}]*elements = \{ 0\.0\.0\.1-0\.0\.0\.9 \. tcp \. 10\.231\.0\.10 \. 80 \}/);
});

test("datagrams", async () => {
  const server = createSocket("udp4");
  server.on("message", (message, from) => server.send(`echo ${message}`, from.port, from.address));
  server.bind(0, HERE);
  await once(server, "listening");
  const front: ServiceFront = { protocol: "UDP", ip: "10.231.0.53", port: 53 };
  firewall.apply([{ front, backs: [{ ip: HERE, port: server.address().port }], affinitySeconds: 0 }]);
  const client = createSocket("udp4");
  try {
    client.connect(front.port, front.ip);
    await once(client, "connect");
    client.send("x");
    const [answer] = await once(client, "message");
    expect(String(answer)).toBe("echo x");
  } finally {
    client.close();
    server.close();
  }
});

test("a table that somebody took away is missed, and made again with the next change", async () => {
  const apply = (back: ServiceBack) => firewall.apply([{ front: FRONT, backs: [back], affinitySeconds: 0 }]);
  const flush = async () => {
    const nft = Bun.spawn(["nft", "delete", "table", "inet", firewall.tableName]);
    expect(await nft.exited).toBe(0);
  };
  apply(backs[0]!);
  expect(firewall.isBehind()).toBe(false);
  await flush();
  apply(backs[1]!);
  expect(await ask(FRONT)).toBe("1");
  await flush();
  expect([firewall.isBehind(), firewall.isBehind()]).toEqual([true, true]);
  apply(backs[1]!);
  expect([firewall.isBehind(), await ask(FRONT)]).toEqual([false, "1"]);
});

test("what the kernel refused is made up for by the next change", async () => {
  const way = (front: ServiceFront, back: ServiceBack) => ({ front, backs: [back], affinitySeconds: 0 });
  const wrong: ServiceFront = { ...FRONT, ip: "10.231.0.12" };
  firewall.apply([way(FRONT, backs[0]!)]);
  // In the kernel's map it leads elsewhere already: a clash.
  const element = `{ tcp . ${wrong.ip} . ${wrong.port} : ${HERE} . 9 }`;
  const nft = Bun.spawn(["nft", "add", "element", "inet", firewall.tableName, "single", element]);
  expect(await nft.exited).toBe(0);
  expect(() => firewall.apply([way(FRONT, backs[1]!), way(wrong, backs[2]!)])).toThrow("file exists");
  expect([firewall.isBehind(), firewall.leadsTo("10.231.9.9"), await ask(FRONT)]).toEqual([true, true, "0"]);
  // The fronts of the change that failed are told now.
  expect(firewall.apply([way(FRONT, backs[1]!), way(wrong, backs[2]!)])).toEqual([FRONT, wrong]);
  expect([firewall.leadsTo("10.231.9.9"), await ask(FRONT), await ask(wrong)]).toEqual([false, "1", "2"]);
});

test("one more service beside a thousand", async () => {
  const ways = Array.from({ length: 1000 }, (_one, at) => ({
    front: { protocol: "TCP", ip: `10.231.${1 + (at >> 8)}.${at & 255}`, port: 80 } as const,
    backs: backs.slice(0, 1 + (at % 2)),
    affinitySeconds: 0,
  }));
  firewall.apply(ways);
  firewall.apply([...ways, { front: FRONT, backs: [backs[0]!], affinitySeconds: 0 }]);
  expect(await ask(FRONT)).toBe("0");
});
