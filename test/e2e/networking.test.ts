/** Networks, names, published ports and links, with real traffic. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { connect, createServer } from "node:net";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";

let daemon: TestDaemon;
/** For each test another one of this machine. */
let port: number;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
});
beforeEach(async () => {
  port = await freePort();
});
afterEach(async () => {
  const ids = (await out(["ps", "-aq"])).split("\n").filter(Boolean);
  if (ids.length > 0) await daemon.docker(["rm", "-f", "-v", ...ids]);
});
afterAll(() => daemon?.stop());

const out = async (words: string[]) => (await daemon.docker(words)).stdout.trim();
const serve = (text: string, inside = 80) => [
  "busybox",
  "sh",
  "-c",
  `echo ${text} >/var/www/index.html; httpd -f -p ${inside} -h /var/www`,
];
const get = async (url: string) => (await fetch(url, { signal: AbortSignal.timeout(20_000) })).text();
const portOf = async (name: string, inside: string) =>
  (await out(["port", name, inside])).split("\n")[0]!.split(":").pop()!;

test("a published port answers on localhost, on ::1 and on the host's address, and frees when the container goes", async () => {
  await out(["run", "-d", "--name", "web", "-p", `${port}:80`, ...serve("hello")]);
  await eventually(async () => (await get(`http://127.0.0.1:${port}/`).catch(() => "")) === "hello\n");
  expect(await get(`http://[::1]:${port}/`)).toBe("hello\n");
  const gateway = await out(["network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge"]);
  expect(await get(`http://${gateway}:${port}/`)).toBe("hello\n");
  expect((await out(["port", "web"])).split("\n")).toEqual([`80/tcp -> 0.0.0.0:${port}`, `80/tcp -> [::]:${port}`]);
  const taken = await daemon.docker(["run", "-d", "--name", "second", "-p", `${port}:80`, ...serve("x")]);
  expect(taken.code).toBe(125);
  expect(taken.stderr).toContain("port is already allocated");
  await out(["rm", "-f", "web"]);
  expect(await get(`http://127.0.0.1:${port}/`).catch(() => "refused")).toBe("refused");
  await out(["start", "second"]);
  await eventually(async () => (await get(`http://127.0.0.1:${port}/`).catch(() => "")) === "x\n");
});

test("a port that another program holds is refused in Docker's words", async () => {
  const server = createServer().listen(port, "0.0.0.0");
  await new Promise((resolve) => server.once("listening", resolve));
  const result = await daemon.docker(["run", "-d", "-p", `${port}:80`, ...serve("x")]);
  server.close();
  expect(result.code).toBe(125);
  expect(result.stderr).toMatch(new RegExp(`${port}.*(address already in use|port is already allocated)`));
});

test("ranges, random ports, host addresses and udp", async () => {
  await out([
    "run",
    "-d",
    "--name",
    "ranges",
    "-p",
    `${port}-${port + 1}:80-81`,
    "-p",
    "127.0.0.2::80",
    "-P",
    "--expose",
    "90",
    ...serve("r"),
  ]);
  const ports = JSON.parse(await out(["inspect", "-f", "{{json .NetworkSettings.Ports}}", "ranges"]));
  expect(Object.keys(ports).sort()).toEqual(["80/tcp", "81/tcp", "90/tcp"]);
  await eventually(async () => (await get(`http://127.0.0.1:${port}/`).catch(() => "")) === "r\n");
  const local = ports["80/tcp"].find((binding: { HostIp: string }) => binding.HostIp === "127.0.0.2").HostPort;
  expect(await get(`http://127.0.0.2:${local}/`)).toBe("r\n");
  expect(Number(ports["90/tcp"][0].HostPort)).toBeGreaterThan(32767);
  // The host's socat, seen through a bind mount, sends every datagram back.
  const socat = ["chroot", "/host", "socat", "UDP4-LISTEN:9000,fork", "EXEC:cat"];
  await out(["run", "-d", "--name", "udp", "-p", `${port}:9000/udp`, "-v", "/:/host:ro", "busybox", ...socat]);
  let echoed = "";
  const socket = await Bun.udpSocket({
    socket: {
      data: (_socket, bytes) => {
        echoed = bytes.toString();
      },
      error: () => {},
    },
  });
  await eventually(async () => {
    socket.send("datagram\n", port, "127.0.0.1");
    return echoed === "datagram\n";
  });
  socket.close();
});

test("names and aliases on a user-defined network; strangers are not found; live connect and disconnect", async () => {
  await out(["network", "create", "--subnet", "10.86.3.0/24", "app"]);
  await out([
    "run",
    "-d",
    "--name",
    "db",
    "--network",
    "app",
    "--network-alias",
    "database",
    "--ip",
    "10.86.3.77",
    ...serve("db"),
  ]);
  const ask = (name: string) =>
    out(["run", "--rm", "--network", "app", "busybox", "timeout", "3", "wget", "-qO-", `http://${name}/`]);
  await eventually(async () => (await ask("db")) === "db");
  expect(await ask("database")).toBe("db");
  expect(await ask("10.86.3.77")).toBe("db");
  const lookup = await daemon.docker(["run", "--rm", "--network", "app", "busybox", "nslookup", "stranger"]);
  expect(lookup.code).not.toBe(0);
  await out(["run", "-d", "--name", "other", ...serve("other")]);
  await out(["network", "connect", "--alias", "late", "app", "other"]);
  await eventually(async () => (await ask("late")) === "other");
  expect(await out(["exec", "other", "ls", "/sys/class/net"])).toBe("eth0\neth1\nlo");
  await out(["network", "disconnect", "app", "other"]);
  expect(await out(["exec", "other", "ls", "/sys/class/net"])).toBe("eth0\nlo");
  await out(["rename", "db", "renamed"]);
  expect(await ask("renamed")).toBe("db");
  await out(["rm", "-f", "renamed", "other"]);
  expect(await out(["network", "rm", "app"])).toBe("app");
});

test("--link gives the other container's name and environment on the default bridge", async () => {
  await out(["run", "-d", "--name", "mysql", "-e", "SECRET=s", ...serve("linked")]);
  await eventually(
    async () => (await daemon.docker(["exec", "mysql", "wget", "-qO-", "http://127.0.0.1/"])).code === 0,
  );
  const result = await out([
    "run",
    "--rm",
    "--link",
    "mysql:db",
    "busybox",
    "sh",
    "-c",
    "grep -cw db /etc/hosts; wget -qO- http://db/; env | grep -c ^DB_",
  ]);
  expect(result).toMatch(/^1\nlinked\n/);
  await out(["run", "-d", "--name", "linking", "--link", "mysql:db", "busybox", "sleep", "1000"]);
  const variables = async () => (await out(["exec", "linking", "env"])).split("\n").filter((line) => /^DB_/.test(line));
  const environment = (await out(["exec", "linking", "sh", "-c", "tr '\\0' '\\n' </proc/1/environ"])).split("\n");
  expect(await variables()).toEqual(environment.filter((line) => /^DB_/.test(line)));
  expect(await variables()).toContain("DB_NAME=/linking/db");
  await out(["rm", "-f", "linking"]);
});

test("--link tells the ends of exposed ranges, and refuses who is not on the default bridge", async () => {
  await out(["run", "-d", "--name", "wide", "--expose", "9000-9002", "--expose", "81/udp", ...serve("wide")]);
  const env = await out(["run", "--rm", "--link", "wide:w", "busybox", "env"]);
  const ranges = env.split("\n").filter((line) => /^W_PORT_.*_(START|END)=/.test(line));
  const address = await out(["inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "wide"]);
  expect(ranges.sort()).toEqual([
    `W_PORT_9000_TCP_END=tcp://${address}:9002`,
    "W_PORT_9000_TCP_PORT_END=9002",
    "W_PORT_9000_TCP_PORT_START=9000",
    `W_PORT_9000_TCP_START=tcp://${address}:9000`,
  ]);
  await out(["network", "create", "apart"]);
  const id = await out(["run", "-d", "--name", "away", "--network", "apart", ...serve("away")]);
  const refused = await daemon.docker(["run", "--rm", "--link", "away:w", "busybox", "true"]);
  expect(refused.code).toBe(125);
  expect(refused.stderr).toContain(`daemon: container ${id} not attached to default bridge network\n`);
  await out(["rm", "-f", "away"]);
  await out(["network", "rm", "apart"]);
});

test("a membership names its interface; who shares a network shares its hosts file", async () => {
  await out(["network", "create", "named"]);
  const name = "com.docker.network.endpoint.ifname=lan0";
  await out(["run", "-d", "--name", "owner", "--network", `name=named,driver-opt=${name}`, ...serve("owner")]);
  expect(await out(["exec", "owner", "ls", "/sys/class/net"])).toBe("lan0\nlo");
  const taken = await daemon.docker(["network", "connect", "--driver-opt", name, "bridge", "owner"]);
  expect(taken.stderr).toContain("the container has an interface lan0 already");
  expect(await out(["exec", "owner", "ls", "/sys/class/net"])).toBe("lan0\nlo");
  await out(["run", "-d", "--name", "guest", "--network", "container:owner", "busybox", "sleep", "1000"]);
  await out(["exec", "guest", "sh", "-c", "echo 10.9.8.7 told >>/etc/hosts"]);
  expect(await out(["exec", "owner", "grep", "told", "/etc/hosts"])).toBe("10.9.8.7 told");
  const paths = await out(["inspect", "-f", "{{.HostsPath}} {{.ResolvConfPath}} {{.HostnamePath}}", "owner", "guest"]);
  expect(new Set(paths.split("\n")).size).toBe(1);
  await out(["rm", "-f", "owner", "guest"]);
  await out(["network", "rm", "named"]);
});

test("networks are isolated from each other, internal ones from the outside, and both know their own", async () => {
  await out(["network", "create", "one"]);
  await out(["network", "create", "--internal", "two"]);
  await out(["run", "-d", "--name", "box-a", "--network", "one", ...serve("a")]);
  await out(["run", "-d", "--name", "box-b", "--network", "two", ...serve("b")]);
  const address = await out(["inspect", "-f", "{{.NetworkSettings.Networks.one.IPAddress}}", "box-a"]);
  const across = await daemon.docker(["exec", "box-b", "timeout", "1", "wget", "-qO-", `http://${address}/`]);
  expect(across.code).not.toBe(0);
  await eventually(
    async () => (await daemon.docker(["exec", "box-b", "wget", "-qO-", "http://127.0.0.1/"])).code === 0,
  );
  const within = await daemon.docker([
    "run",
    "--rm",
    "--network",
    "two",
    "busybox",
    "timeout",
    "2",
    "wget",
    "-qO-",
    "http://box-b/",
  ]);
  expect(within.stdout).toBe("b\n");
  const inspected = JSON.parse(await out(["network", "inspect", "one"]))[0];
  expect(Object.values<{ Name: string }>(inspected.Containers).map((c) => c.Name)).toEqual(["box-a"]);
  await out(["rm", "-f", "box-a", "box-b"]);
  await out(["network", "prune", "-f"]);
  expect(await out(["network", "ls", "--format", "{{.Name}}"])).toBe("bridge\nhost\nnone");
});

test("containers reach the host, and a container's own published port from inside another (hairpin)", async () => {
  const own = await freePort();
  const server = createServer((socket) => socket.end("host\n")).listen(own, "0.0.0.0");
  await new Promise((resolve) => server.once("listening", resolve));
  const gateway = await out(["network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge"]);
  expect(await out(["run", "--rm", "busybox", "sh", "-c", `nc -w 2 ${gateway} ${own} </dev/null`])).toBe("host");
  server.close();
  await out(["run", "-d", "--name", "pin", "-p", `${port}:80`, ...serve("pin")]);
  await eventually(
    async () =>
      (await out(["run", "--rm", "busybox", "timeout", "2", "wget", "-qO-", `http://${gateway}:${port}/`])) === "pin",
  );
});

test("a client's address is seen as it is", async () => {
  await out(["run", "-d", "--name", "who", "-p", `${port}:80`, "busybox", "sh", "-c", "httpd -f -v -p 80 -h /var/www"]);
  const gateway = await out(["network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge"]);
  const address = await out([
    "run",
    "--rm",
    "busybox",
    "sh",
    "-c",
    `until wget -O- http://${gateway}:${port}/nothing 2>&1 | grep -q 404; do sleep 0.1; done; ip -4 -o addr show eth0 | awk '{print $4}' | cut -d/ -f1`,
  ]);
  await eventually(async () => (await daemon.docker(["logs", "who"])).stderr.includes(address));
});

test("many connections at once through one port", async () => {
  await out(["run", "-d", "--name", "many", "-p", `${port}:80`, ...serve("m")]);
  await eventually(async () => (await get(`http://127.0.0.1:${port}/`).catch(() => "")) === "m\n");
  // Eight at a time: busybox's listener keeps no longer queue.
  const lane = async () => {
    for (let i = 0; i < 40; i++) expect(await get(`http://127.0.0.1:${port}/`)).toBe("m\n");
  };
  await Promise.all(Array.from({ length: 8 }, lane));
});

test("a closed port inside the container is refused, not hung", async () => {
  await out(["run", "-d", "--name", "deaf", "-p", `${port}:80`, "busybox", "sleep", "1000"]);
  const outcome = await new Promise<string>((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
    socket.once("connect", () => resolve("connected"));
  });
  expect(outcome).toBe("ECONNREFUSED");
  expect(await portOf("deaf", "80")).toBe(String(port));
});

test("pools are listed with IPv4 first", async () => {
  await out(["network", "create", "--ipv6", "--subnet", "fd00:1234::/64", "--subnet", "10.77.0.0/24", "pools"]);
  const pools = await out(["network", "inspect", "-f", "{{range .IPAM.Config}}{{.Subnet}} {{end}}", "pools"]);
  await out(["network", "rm", "pools"]);
  expect(pools).toBe("10.77.0.0/24 fd00:1234::/64");
});
