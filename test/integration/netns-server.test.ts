/** The netns server: namespaces made, entered and deleted, and sockets inside them handed over. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closeDescriptor } from "../../src/linux/descriptor-passing.ts";
import { NetnsServer } from "../../src/runtime/netns-server.ts";
import { BINARY } from "./monitor-fixture.ts";

let directory: string;
let server: NetnsServer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "naru-netns-"));
  server = NetnsServer.start(BINARY);
});
afterAll(async () => {
  await server.stop();
  expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(directory);
  await rm(directory, { recursive: true });
});

async function inNamespace(path: string, ...command: string[]): Promise<string> {
  const child = Bun.spawn(["nsenter", `--net=${path}`, ...command], { stdout: "pipe" });
  return await new Response(child.stdout).text();
}

test("create() makes a namespace with loopback up, sysctls set and sockets open inside", async () => {
  const path = join(directory, "one");
  const { descriptors, dnsUdpPort, dnsTcpPort } = await server.create(path, {
    sysctls: { "net.ipv4.ip_unprivileged_port_start": "0", "net/ipv6/conf/all/disable_ipv6": "1" },
    open: ["route", "netfilter", "dns-udp", "dns-tcp"],
  });
  expect(Object.keys(descriptors)).toEqual(["route", "netfilter", "dns-udp", "dns-tcp"]);
  expect(await inNamespace(path, "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start")).toBe("0\n");
  expect(await inNamespace(path, "cat", "/proc/sys/net/ipv6/conf/all/disable_ipv6")).toBe("1\n");
  const listening = await inNamespace(path, "ss", "-Hlnut");
  expect(listening).toContain(`127.0.0.11:${dnsUdpPort}`);
  expect(listening).toContain(`127.0.0.11:${dnsTcpPort}`);
  expect(await inNamespace(path, "cat", "/proc/net/route")).not.toContain("eth");
  expect(await readlink("/proc/self/ns/net")).not.toBe(await readlinkOf(path));
  for (const descriptor of Object.values(descriptors)) closeDescriptor(descriptor);
  await server.delete(path);
  await server.delete(path);
  expect(existsSync(path)).toBe(false);
});

async function readlinkOf(path: string): Promise<string> {
  return (await inNamespace(path, "readlink", "/proc/self/ns/net")).trim();
}

test("enter() opens sockets in an existing namespace", async () => {
  const path = join(directory, "two");
  await server.create(path);
  const { descriptors, dnsUdpPort, dnsTcpPort } = await server.enter(path, { open: ["dns-udp"] });
  expect(dnsTcpPort).toBe(0);
  expect(await inNamespace(path, "ss", "-Hlnu")).toContain(`127.0.0.11:${dnsUdpPort}`);
  closeDescriptor(descriptors["dns-udp"]!);
  await expect(server.create(path)).rejects.toMatchObject({ kind: "conflict" });
  await server.delete(path);
});

test("what fails is undone and told", async () => {
  const path = join(directory, "three");
  await expect(server.create(path, { sysctls: { "net.no.such": "1" } })).rejects.toMatchObject({
    kind: "not-found",
    message: "cannot set sysctl net.no.such=1: No such file or directory",
  });
  expect(existsSync(path)).toBe(false);
  await expect(server.create(path, { sysctls: { "../../../tmp/x": "1" } })).rejects.toMatchObject({ kind: "internal" });
  await expect(server.enter(join(directory, "absent"), { open: [] })).rejects.toMatchObject({ kind: "not-found" });
});

test("a plain file left from before a reboot is taken over", async () => {
  const path = join(directory, "stale");
  await writeFile(path, "");
  await server.create(path);
  await server.delete(path);
});

test("many at once: each gets its own sockets", async () => {
  const paths = Array.from({ length: 40 }, (_, index) => join(directory, `many-${index}`));
  const results = await Promise.all(paths.map((path) => server.create(path, { open: ["route", "dns-udp"] })));
  for (const [index, path] of paths.entries()) {
    const { descriptors, dnsUdpPort } = results[index]!;
    if (index % 10 === 0) expect(await inNamespace(path, "ss", "-Hlnu")).toContain(`:${dnsUdpPort}`);
    for (const descriptor of Object.values(descriptors)) closeDescriptor(descriptor);
  }
  await Promise.all(paths.map((path) => server.delete(path)));
});

test("requests after stop() are refused", async () => {
  const other = NetnsServer.start(BINARY);
  await other.stop();
  await expect(other.create(join(directory, "late"))).rejects.toMatchObject({ kind: "unavailable" });
});
