import { expect, test } from "bun:test";
import { endpointHost } from "../../../../src/kube/server/bootstrap.ts";

test("the API's service leads to the one address that it listens on, or to the machine's", () => {
  const hosts = ["192.0.2.9", "0.0.0.0", "127.0.0.1", "::", "localhost"];
  expect(hosts.map((host) => endpointHost(host, "192.0.2.2"))).toEqual([
    "192.0.2.9",
    "192.0.2.2",
    "192.0.2.2",
    "192.0.2.2",
    "192.0.2.2",
  ]);
});
