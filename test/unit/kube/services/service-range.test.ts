import { expect, test } from "bun:test";
import { parseServiceRange, serviceTableName } from "../../../../src/kube/services/service-range.ts";

test.each([
  ["10.96.0.0/16", "10.96.0.1", "10.96.0.10"],
  ["172.30.128.0/24", "172.30.128.1", "172.30.128.10"],
  ["240.16.0.0/12", "240.16.0.1", "240.16.0.10"],
])("%s", (cidr, apiAddress, dnsAddress) => {
  expect(parseServiceRange(cidr)).toEqual({ cidr, apiAddress, dnsAddress });
});

test.each(["", "10.96.0.0", "10.96.0.1/16", "10.96.0.0/8", "10.96.0.0/30", "10.960.0.0/16", "fd00::/108"])(
  "%p is no range",
  (cidr) => {
    expect(() => parseServiceRange(cidr)).toThrow("invalid range of service addresses");
  },
);

test("a table bears its range, for other clusters to see", () => {
  expect(serviceTableName("1a2b3c4d", parseServiceRange("10.97.0.0/16"))).toBe("naru-1a2b3c4d-services-10.97.0.0-16");
});
