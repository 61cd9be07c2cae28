import { describe, expect, test } from "bun:test";
import {
  formatIp,
  formatPrefix,
  ipBytes,
  ipFromBytes,
  overlaps,
  parseIp,
  parsePrefix,
} from "../../../src/lib/ip-address.ts";
import { AddressPool } from "../../../src/network/address-pool.ts";
import { chooseSubnet, uniqueLocalPool } from "../../../src/network/subnet-choice.ts";

const prefix = (text: string) => parsePrefix(text)!.prefix;

describe("addresses", () => {
  const roundTrips: [string, string][] = [
    ["10.0.0.1", "10.0.0.1"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["fd00:1::", "fd00:1::"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"],
    ["::ffff:1.2.3.4", "::ffff:102:304"],
  ];
  for (const [source, printed] of roundTrips) {
    test(`${source} prints as ${printed}`, () => {
      const address = parseIp(source)!;
      expect(formatIp(address)).toBe(printed);
      expect(ipFromBytes(ipBytes(address))).toEqual(address);
    });
  }
  for (const source of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1:2",
    ":::",
    "1::2::3",
    "g::",
    "1:2:3:4:5:6:7:8:9",
  ]) {
    test(`"${source}" is no address`, () => expect(parseIp(source)).toBeUndefined());
  }
});

test("parsePrefix() tells the address from its network", () => {
  const { prefix: network, address } = parsePrefix("10.1.2.3/16")!;
  expect([formatPrefix(network), formatIp(address)]).toEqual(["10.1.0.0/16", "10.1.2.3"]);
  for (const wrong of ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "/8", "x/8", "::/129"])
    expect(parsePrefix(wrong)).toBeUndefined();
});

test("overlaps() sees containment both ways and keeps versions apart", () => {
  expect(overlaps(prefix("10.0.0.0/8"), prefix("10.5.0.0/16"))).toBe(true);
  expect(overlaps(prefix("10.5.0.0/16"), prefix("10.0.0.0/8"))).toBe(true);
  expect(overlaps(prefix("10.5.0.0/16"), prefix("10.6.0.0/16"))).toBe(false);
  expect(overlaps(prefix("0.0.0.0/0"), prefix("::/0"))).toBe(false);
});

describe("AddressPool", () => {
  const next = (pool: AddressPool) => formatIp(pool.allocate());
  test("gives the lowest free address and takes released ones again", () => {
    const pool = new AddressPool(prefix("10.0.0.0/29"));
    expect([next(pool), next(pool), next(pool)]).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    pool.release(parseIp("10.0.0.2")!);
    expect([next(pool), next(pool)]).toEqual(["10.0.0.2", "10.0.0.4"]);
  });
  test("ends before the broadcast address", () => {
    const pool = new AddressPool(prefix("10.0.0.0/30"));
    expect([next(pool), next(pool)]).toEqual(["10.0.0.1", "10.0.0.2"]);
    expect(() => pool.allocate()).toThrow("no available IPv4 addresses on this network's address pools");
  });
  test("a range begins with its first address; a wish may lie outside of it", () => {
    const pool = new AddressPool(prefix("10.0.0.0/24"), prefix("10.0.0.128/25"));
    expect(next(pool)).toBe("10.0.0.128");
    expect(formatIp(pool.allocate(parseIp("10.0.0.3")))).toBe("10.0.0.3");
    expect(() => pool.allocate(parseIp("10.0.0.3"))).toThrow("Address already in use");
    expect(() => pool.allocate(parseIp("10.0.1.3"))).toThrow("out of range");
  });
});

describe("chooseSubnet()", () => {
  const local = uniqueLocalPool("seed");
  test("skips what is used", () => {
    expect(formatPrefix(chooseSubnet(4, [], local))).toBe("172.17.0.0/16");
    expect(formatPrefix(chooseSubnet(4, [prefix("172.16.0.0/13")], local))).toBe("172.24.0.0/16");
    expect(formatPrefix(chooseSubnet(4, [prefix("172.16.0.0/12")], local))).toBe("192.168.0.0/20");
    expect(formatPrefix(chooseSubnet(4, [prefix("172.16.0.0/12"), prefix("192.168.3.0/24")], local))).toBe(
      "192.168.16.0/20",
    );
  });
  test("says when nothing is left", () => {
    const everything = [prefix("172.16.0.0/12"), prefix("192.168.0.0/16")];
    expect(() => chooseSubnet(4, everything, local)).toThrow("all predefined address pools have been fully subnetted");
  });
  test("cuts IPv6 from one unique local /48", () => {
    const first = chooseSubnet(6, [], local);
    expect(formatPrefix(first)).toMatch(/^fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}::\/64$/);
    const second = chooseSubnet(6, [first], local);
    expect(second.base - first.base).toBe(1n << 64n);
  });
});
