import { describe, expect, test } from "bun:test";
import { parseAttributes, parseMessages } from "../../../src/linux/netlink-message.ts";
import { encodeExpression } from "../../../src/linux/nftables-expression.ts";
import {
  addElements,
  createTable,
  decodeElements,
  interfaceKey,
  joinFields,
  portField,
} from "../../../src/linux/nftables-message.ts";
import { acceptRules, chainInTheWay, parseChains } from "../../../src/network/foreign-firewall.ts";
import { bridgeElements, hostTable, portElement } from "../../../src/network/host-firewall-table.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("nftables messages", () => {
  // Recorded from nft 1.0.6 (--debug=mnl) for the same rule.
  test("an expression is its name and its attributes", () => {
    expect(hex(encodeExpression({ op: "meta", key: "iifname", register: 1 }))).toBe(
      "090001006d657461000000001400028008000200000000060800010000000001",
    );
    expect(hex(encodeExpression({ op: "lookup", register: 1, set: "bridges" }))).toBe(
      "0b0001006c6f6f6b75700000" + "18000280" + "0800020000000001" + "0c0001006272696467657300",
    );
  });
  test("a set of concatenated keys has the number and length that nft prints it by", () => {
    const messages = createTable({ family: "inet", name: "naru-x", ...hostTable(), chains: [] }).map(
      (bytes) => parseMessages(bytes)[0]!,
    );
    const sets = messages.slice(1).map(({ body }) => {
      const attributes = parseAttributes(body.subarray(4));
      return [2, 4, 5].map((type) => {
        const value = attributes.get(type)!;
        return type === 2 ? value.toString("latin1", 0, value.length - 1) : value.readUInt32BE(0);
      });
    });
    expect(sets).toContainEqual(["same-bridge", 0xa69, 32]);
    expect(sets).toContainEqual(["ports", 0xc1cd, 12]);
    expect(sets).toContainEqual(["any-address-ports", 0x30d, 8]);
  });
  test("an element carries key and data", () => {
    const bytes = addElements("inet", "t", "s", [{ key: portField(80), data: Uint8Array.of(1, 2, 3, 4) }]);
    const [{ type, body } = { type: 0, body: Buffer.alloc(0) }] = parseMessages(bytes);
    expect(type).toBe((10 << 8) | 12);
    const element = parseAttributes(parseAttributes(parseAttributes(body.subarray(4)).get(3)!).get(1)!);
    expect([1, 2].map((key) => hex(parseAttributes(element.get(key)!).get(1)!))).toEqual(["0050", "01020304"]);
  });
  test("a listed element is read as it was written", () => {
    const written = [
      { key: portField(80), data: Uint8Array.of(1, 2, 3, 4) },
      { key: portField(90), end: portField(99) },
    ];
    const [answer] = parseMessages(addElements("inet", "t", "s", written));
    expect(decodeElements(answer!).map((element) => Object.values(element).map(hex))).toEqual([
      ["0050", "01020304"],
      ["005a", "0063"],
    ]);
  });
  test("fields are padded, names too", () => {
    expect(hex(joinFields(Uint8Array.of(6), portField(8080)))).toBe("060000001f900000");
    expect(interfaceKey("br0", "br1").toString("latin1")).toBe(`br0${"\0".repeat(13)}br1${"\0".repeat(13)}`);
  });
});

describe("the host's table", () => {
  const port = { protocol: "tcp", containerPort: 80, hostPort: 8080 } as const;
  test("a port on every address and one on a single address lie in different maps", () => {
    const any = portElement({ ...port, hostIp: "0.0.0.0" }, "10.0.0.2");
    expect([any.set, hex(any.key), hex(any.data!)]).toEqual([
      "any-address-ports",
      "060000001f900000",
      "0a00000200500000",
    ]);
    const one = portElement({ ...port, hostIp: "127.0.0.1" }, "10.0.0.2");
    expect([one.set, hex(one.key)]).toEqual(["ports", "060000007f0000011f900000"]);
  });
  for (const [isInternal, masquerades, routesNeighbours, sets] of [
    [false, true, false, ["bridges", "same-bridge", "switched", "masqueraded"]],
    [false, false, false, ["bridges", "same-bridge", "switched"]],
    [true, true, false, ["bridges", "same-bridge", "switched", "internal"]],
    [false, true, true, ["bridges", "same-bridge", "routed", "masqueraded"]],
  ] as const) {
    const words = `internal=${isInternal} masquerade=${masquerades} routed=${routesNeighbours}`;
    test(`a bridge with ${words} is in ${sets.join(", ")}`, () => {
      const elements = bridgeElements({ interfaceName: "br0", isInternal, masquerades, routesNeighbours });
      expect(elements.map(({ set }) => set)).toEqual([...sets]);
    });
  }
});

describe("other firewalls", () => {
  const cases: [string, string | undefined][] = [
    ["-P INPUT ACCEPT\n-P FORWARD ACCEPT", undefined],
    ["-P FORWARD DROP", "FORWARD"],
    ["-P FORWARD DROP\n-N DOCKER-USER\n-A FORWARD -j DOCKER-USER", "DOCKER-USER"],
    ["-P FORWARD ACCEPT\n-N DOCKER-USER", "DOCKER-USER"],
    ["", undefined],
  ];
  for (const [listing, chain] of cases) {
    test(`${JSON.stringify(listing)} wants our rules in ${chain}`, () => {
      expect(chainInTheWay(parseChains(listing))).toBe(chain);
    });
  }
  test("rules are marked with the instance", () => {
    expect(acceptRules("nr1-+", "naru-1")[0]!.join(" ")).toBe("-i nr1-+ -m comment --comment naru-1 -j ACCEPT");
  });
});
