/** The kernel carries services: real rules, real connections, on a bridge with addresses that nobody else has. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { ServiceFirewall } from "../../src/kube/services/service-firewall.ts";
import type { ServiceBack, ServiceFront } from "../../src/kube/services/service-table.ts";

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
async function shares(front: ServiceFront, count: number): Promise<Map<string, number>> {
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
  const free = createServer().listen(0, HERE);
  await once(free, "listening");
  const { port } = free.address() as { port: number };
  free.close();
  await once(free, "close");
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

test("a ruleset that somebody flushed is made again with the next change", async () => {
  firewall.apply([{ front: FRONT, backs: [backs[0]!], affinitySeconds: 0 }]);
  const nft = Bun.spawn(["nft", "delete", "table", "inet", firewall.tableName]);
  expect(await nft.exited).toBe(0);
  firewall.apply([{ front: FRONT, backs: [backs[1]!], affinitySeconds: 0 }]);
  expect(await ask(FRONT)).toBe("1");
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
