import { describe, expect, test } from "bun:test";
import { DnsStreamReader, withLength } from "../../../src/dns/forwarder.ts";
import { type DnsAnswer, encodeAnswer, encodeName, parseQuery, pointerAddress } from "../../../src/dns/message.ts";
import { formatIp, parseIp } from "../../../src/lib/ip-address.ts";
import { resolveName } from "../../../src/network/dns-names.ts";
import type { EndpointRecord, SandboxRecord } from "../../../src/network/network-records.ts";

const query = (name: string, type: number, edns?: number): Buffer => {
  const header = Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, edns === undefined ? 0 : 1]);
  const opt = edns === undefined ? Buffer.alloc(0) : Buffer.from([0, 0, 41, edns >> 8, edns & 255, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, encodeName(name), Buffer.from([0, type, 0, 1]), opt]);
};

describe("queries", () => {
  test("are read with name, type and what the asker can take", () => {
    expect(parseQuery(query("Web.Local", 1, 1232))).toMatchObject({
      id: 0x1234,
      name: "web.local",
      type: 1,
      udpBytes: 1232,
      hasEdns: true,
      recursionDesired: true,
      isInternet: true,
    });
    expect(parseQuery(query("web", 28))).toMatchObject({ udpBytes: 512, hasEdns: false });
  });
  const whole = query("web", 1);
  const answer = Buffer.from(whole);
  answer[2] = 0x81;
  const twoQuestions = Buffer.from(whole);
  twoQuestions[5] = 2;
  const pointing = Buffer.concat([whole.subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
  for (const [name, wrong] of [
    ["an answer", answer],
    ["two questions", twoQuestions],
    ["a compressed name", pointing],
    ["half a name", whole.subarray(0, 15)],
    ["no type", whole.subarray(0, 18)],
    ["nothing", Buffer.alloc(0)],
  ] as const) {
    test(`${name} is none`, () => expect(parseQuery(wrong)).toBeUndefined());
  }
});

describe("answers", () => {
  const address = (text: string): DnsAnswer => ({ type: "address", address: parseIp(text)! });
  test("repeat the question and point at its name", () => {
    const bytes = encodeAnswer(parseQuery(query("WEB", 1))!, [address("10.0.0.2")]);
    expect(Buffer.from(bytes).toString("hex")).toBe(
      "123481800001000100000000" + "0357454200" + "00010001" + "c00c00010001000002580004" + "0a000002",
    );
  });
  test("carry the code, and EDNS when the question did", () => {
    const bytes = encodeAnswer(parseQuery(query("web", 1, 4096))!, [], { code: 2 });
    expect([bytes[3]! & 15, bytes[11], bytes.at(-9)]).toEqual([2, 1, 41]);
  });
  test("that are too long are cut and say so", () => {
    const many = Array.from({ length: 100 }, (_, index) => address(`10.0.0.${index}`));
    const asked = parseQuery(query("web", 1))!;
    const bytes = encodeAnswer(asked, many, { mostBytes: asked.udpBytes });
    expect(bytes.length).toBeLessThanOrEqual(512);
    expect(bytes[2]! & 2).toBe(2);
    expect(encodeAnswer(asked, many)[2]! & 2).toBe(0);
  });
});

test("pointerAddress() reads both reverse trees", () => {
  expect(formatIp(pointerAddress("2.0.17.172.in-addr.arpa")!)).toBe("172.17.0.2");
  const nibbles = `1.${"0.".repeat(29)}d.f.ip6.arpa`;
  expect(formatIp(pointerAddress(nibbles)!)).toBe("fd00::1");
  expect(pointerAddress("example.com")).toBeUndefined();
});

test("DnsStreamReader cuts a stream anywhere", () => {
  const stream = Buffer.concat([withLength(Buffer.from("one")), withLength(Buffer.from("three"))]);
  for (let cut = 0; cut <= stream.length; cut++) {
    const reader = new DnsStreamReader();
    const messages = [...reader.push(stream.subarray(0, cut)), ...reader.push(stream.subarray(cut))];
    expect(messages.map(String)).toEqual(["one", "three"]);
  }
});

describe("resolveName()", () => {
  const endpoint = (networkName: string, ipv4: string, more: Partial<EndpointRecord> = {}): EndpointRecord => ({
    networkId: `id-${networkName}`,
    networkName,
    endpointId: "e",
    settings: {},
    interfaceName: "eth0",
    interfaceIndex: 2,
    hostInterfaceName: "",
    mac: "",
    ipv4,
    ipv4PrefixBits: 16,
    ...more,
  });
  const sandbox = (name: string, endpoints: EndpointRecord[]): SandboxRecord => ({
    sandboxId: "",
    containerId: name.repeat(64).slice(0, 64),
    containerName: name,
    hostname: `host-${name}`,
    domainname: "",
    namespacePath: "",
    endpoints,
    portBindings: {},
    exposedPorts: [],
    publishAllPorts: false,
    published: [],
    links: [],
    dns: [],
    dnsOptions: [],
    dnsSearch: [],
    extraHosts: [],
  });
  const a = sandbox("a", [endpoint("front", "10.0.0.2", { settings: { Links: ["b:database"] } })]);
  const b = sandbox("b", [
    endpoint("front", "10.0.0.3", { ipv6: "fd00::3", settings: { Aliases: ["Web"] } }),
    endpoint("back", "10.1.0.3"),
  ]);
  const c = sandbox("c", [
    endpoint("back", "10.1.0.4"),
    endpoint("front", "10.0.0.4", { settings: { Aliases: ["web"] } }),
  ]);
  const onDefault = sandbox("d", [endpoint("bridge", "172.17.0.2")]);
  const all = [a, b, c, onDefault];
  const ask = (asker: SandboxRecord, name: string, type = 1): string[] | undefined =>
    resolveName(asker, all, name, type)
      ?.map((answer) => (answer.type === "address" ? formatIp(answer.address) : "name" in answer ? answer.name : ""))
      .sort();
  test("of several with one name those answer that are ready; all, when none is", () => {
    const addresses = (isReady: (containerId: string) => boolean) =>
      resolveName(a, all, "web", 1, isReady)!.map((answer) =>
        answer.type === "address" ? formatIp(answer.address) : "",
      );
    expect(addresses((id) => id !== b.containerId)).toEqual(["10.0.0.4"]);
    expect(addresses(() => false).sort()).toEqual(["10.0.0.3", "10.0.0.4"]);
    expect(resolveName(a, all, "b", 1, () => false)).toHaveLength(1);
  });

  const cases: [string, SandboxRecord, string, number, string[] | undefined][] = [
    ["its own name", a, "a", 1, ["10.0.0.2"]],
    ["a neighbour's name", a, "b", 1, ["10.0.0.3"]],
    ["with the network's name behind", a, "b.front", 1, ["10.0.0.3"]],
    ["IPv6", a, "b", 28, ["fd00::3"]],
    ["no IPv6: an empty answer", a, "c", 28, []],
    ["another type: an empty answer", a, "b", 15, []],
    ["a shared alias, in any case", a, "web", 1, ["10.0.0.3", "10.0.0.4"]],
    ["a short id", a, "bbbbbbbbbbbb", 1, ["10.0.0.3"]],
    ["a hostname", a, "host-b", 1, ["10.0.0.3"]],
    ["a link of one's own", a, "database", 1, ["10.0.0.3"]],
    ["a link of somebody else", b, "database", 1, undefined],
    ["the first network of the asker that knows it", c, "b", 1, ["10.1.0.3"]],
    ["a name of another network", a, "d", 1, undefined],
    ["names on the default bridge", onDefault, "d", 1, undefined],
    ["an unknown name", a, "example.com", 1, undefined],
    ["an address", a, "3.0.0.10.in-addr.arpa", 12, ["b.front"]],
    ["an unknown address", a, "9.9.9.9.in-addr.arpa", 12, undefined],
  ];
  for (const [title, asker, name, type, expected] of cases) {
    test(`${title}: ${name}`, () => expect(ask(asker, name, type)).toEqual(expected));
  }
});
