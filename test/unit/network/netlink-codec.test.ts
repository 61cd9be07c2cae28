import { describe, expect, test } from "bun:test";
import {
  attribute,
  attributeText,
  listAttributes,
  message,
  nested,
  parseAttributes,
  parseMessages,
  text,
  u32,
} from "../../../src/linux/netlink-message.ts";
import { addAddress, createVeth, RTM, setDefaultRoute } from "../../../src/linux/netlink-route.ts";
import { decodeAddress, decodeLink, decodeRouteDestination } from "../../../src/linux/netlink-route-answers.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bodyOf = (request: { message: Buffer }): Buffer => parseMessages(request.message)[0]!.body;

describe("attributes", () => {
  test("are padded to four bytes, which their length does not count", () => {
    expect(hex(attribute(3, Uint8Array.of(1, 2, 3, 4, 5)))).toBe("0900030001020304" + "05000000");
    expect(hex(text(1, "lo"))).toBe("070001006c6f0000");
    expect(hex(nested(2, u32(1, 5)))).toBe("0c000280" + "0800010005000000");
  });
  test("come back as they went, flags of the type taken off", () => {
    const bytes = Buffer.concat([text(1, "eth0"), nested(2, u32(7, 9)), u32(2, 1)]);
    expect(listAttributes(bytes).map(([type]) => type)).toEqual([1, 2, 2]);
    expect(attributeText(parseAttributes(bytes).get(1))).toBe("eth0");
  });
  for (const [name, wrong] of [
    ["a length of zero", "00000100"],
    ["a length beyond the end", "ff000100"],
    ["half a header", "0800"],
  ] as const) {
    test(`${name} ends the list`, () => expect(listAttributes(Buffer.from(wrong, "hex"))).toEqual([]));
  }
});

test("parseMessages() reads all of a datagram and stops at nonsense", () => {
  const datagram = Buffer.concat([
    message(16, 4, Buffer.from("abcd")),
    message(3, 0, Buffer.alloc(0)),
    Buffer.alloc(16),
  ]);
  expect(parseMessages(datagram).map(({ type, flags, body }) => [type, flags, body.toString()])).toEqual([
    [16, 5, "abcd"],
    [3, 1, ""],
  ]);
});

describe("route requests", () => {
  test("an IPv4 address has its broadcast address, an IPv6 one no duplicate detection", () => {
    const v4 = bodyOf(addAddress(7, { address: Uint8Array.of(172, 17, 0, 2), prefixBits: 16 }));
    expect(hex(v4.subarray(0, 8))).toBe("0210000007000000");
    const attributes = parseAttributes(v4.subarray(8));
    expect([2, 4].map((type) => attributes.get(type)?.join("."))).toEqual(["172.17.0.2", "172.17.255.255"]);
    const v6 = bodyOf(addAddress(7, { address: Uint8Array.of(0xfd, ...Array(14).fill(0), 1), prefixBits: 64 }));
    expect(parseAttributes(v6.subarray(8)).get(8)?.readUInt32LE(0)).toBe(2);
  });
  test("a pair has its bridge outside and its namespace inside", () => {
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
    const spec = { hostName: "nv1", bridgeIndex: 4, peerName: "eth0", namespaceFd: 9, mac, mtu: 1400 };
    const outer = parseAttributes(bodyOf(createVeth(spec)).subarray(16));
    expect(attributeText(outer.get(3))).toBe("nv1");
    expect(outer.get(10)?.readUInt32LE(0)).toBe(4);
    const info = parseAttributes(outer.get(18)!);
    const peer = parseAttributes(parseAttributes(info.get(2)!).get(1)!.subarray(16));
    expect([attributeText(info.get(1)), attributeText(peer.get(3)), peer.get(28)?.readUInt32LE(0)]).toEqual([
      "veth",
      "eth0",
      9,
    ]);
  });
  test("a default route names gateway and interface in the main table", () => {
    const body = bodyOf(setDefaultRoute(3, Uint8Array.of(10, 0, 0, 1)));
    expect([body[0], body[1], body[4]]).toEqual([2, 0, 254]);
    expect(parseAttributes(body.subarray(12)).get(5)?.join(".")).toBe("10.0.0.1");
  });
});

describe("route answers", () => {
  const answer = (body: Buffer) => ({ type: RTM.NEWLINK, flags: 0, sequence: 1, body });
  test("a link with its counters", () => {
    const stats = Buffer.alloc(8 * 8);
    for (let index = 0; index < 8; index++) stats.writeBigUInt64LE(BigInt(index + 1), index * 8);
    const header = Buffer.alloc(16);
    header.writeInt32LE(5, 4);
    const link = decodeLink(answer(Buffer.concat([header, text(3, "eth0"), u32(10, 2), attribute(23, stats)])));
    expect([link.index, link.name, link.master]).toEqual([5, "eth0", 2]);
    expect(link.counters).toEqual({
      rxPackets: 1,
      txPackets: 2,
      rxBytes: 3,
      txBytes: 4,
      rxErrors: 5,
      txErrors: 6,
      rxDropped: 7,
      txDropped: 8,
    });
  });
  test("addresses, and destinations of routes but the default one", () => {
    const address = Buffer.concat([Buffer.from("0218000003000000", "hex"), attribute(2, Uint8Array.of(10, 0, 0, 5))]);
    expect(decodeAddress(answer(address))).toMatchObject({ index: 3, prefixBits: 24 });
    const route = Buffer.concat([
      Buffer.from("02100000fe00000000000000", "hex"),
      attribute(1, Uint8Array.of(10, 1, 0, 0)),
    ]);
    expect(decodeRouteDestination(answer(route))?.prefixBits).toBe(16);
    expect(decodeRouteDestination(answer(Buffer.from("02000000fe00000000000000", "hex")))).toBeUndefined();
  });
});
