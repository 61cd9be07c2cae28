import { describe, expect, test } from "bun:test";
import type { NetworkCreateRequest } from "../../../src/model/network.ts";
import { chooseInterfaceName, gatewayEndpoint, nextInterfaceName } from "../../../src/network/endpoints.ts";
import { checkFilters, matchesFilters } from "../../../src/network/network-listing.ts";
import type { EndpointRecord, NetworkRecord, SandboxRecord } from "../../../src/network/network-records.ts";
import {
  checkNetworkRequest,
  readBridgeOptions,
  readDriver,
  readSubnets,
} from "../../../src/network/network-request.ts";
import { PortAllocator } from "../../../src/network/port-allocator.ts";
import { readPortWishes } from "../../../src/network/port-wishes.ts";

const failure = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    const { kind, message } = error as { kind: string; message: string };
    return `${kind}: ${message}`;
  }
  return "no error";
};

describe("requests for networks that Docker refuses", () => {
  const cases: [Partial<NetworkCreateRequest>, string][] = [
    [{ Name: "" }, "invalid: invalid name: name is empty"],
    [{ Name: "host" }, "forbidden: operation is not permitted on predefined host network "],
    [{ Driver: "host" }, 'forbidden: only one instance of "host" network is allowed'],
    [{ Driver: "foo" }, 'not-found: plugin "foo" not found'],
    [{ IPAM: { Driver: "foo" } }, 'not-found: plugin "foo" not found'],
    [{ IPAM: { Driver: "null" } }, "invalid: ipv4 pool is empty"],
    [
      { ConfigOnly: true, ConfigFrom: { Network: "other" } },
      "forbidden: a configuration network cannot depend on another configuration network",
    ],
    [{ Scope: "swarm" }, "forbidden: cannot create a swarm scoped network when swarm is not active"],
    [{ Ingress: true }, "forbidden: Ingress network can only be global scope network"],
    [{ EnableIPv4: false }, "invalid: IPv4 or IPv6 must be enabled"],
  ];
  for (const [request, words] of cases) {
    test(JSON.stringify(request), () => {
      const whole = { Name: "n", ...request };
      expect(failure(() => [checkNetworkRequest(whole), readDriver(whole)])).toBe(words);
    });
  }
  const config = "invalid: invalid network config:\n";
  const subnets: [Parameters<typeof readSubnets>[0], string][] = [
    [[{ Subnet: "foo" }], `${config}invalid subnet foo: invalid CIDR block notation`],
    [[{ Gateway: "10.0.0.1" }], `${config}invalid subnet : invalid CIDR block notation`],
    [[{ Subnet: "10.78.0.5/24" }], `${config}invalid subnet 10.78.0.5/24: it should be 10.78.0.0/24`],
    [
      [{ Subnet: "10.78.0.0/24", Gateway: "10.79.0.1" }],
      `${config}invalid gateway 10.79.0.1: parent subnet 10.78.0.0/24 doesn't contain this address`,
    ],
    [
      [{ Subnet: "10.78.0.0/24", Gateway: "foo", IPRange: "10.79.0.0/24", AuxiliaryAddresses: { a: "10.1.1.1" } }],
      `${config}* invalid ip-range 10.79.0.0/24: parent subnet 10.78.0.0/24 doesn't contain ip-range\n` +
        "* invalid gateway foo: invalid address\n" +
        "* invalid auxiliary address a: parent subnet 10.78.0.0/24 doesn't contain this address",
    ],
    [
      [{ Subnet: "10.78.0.0/24", IPRange: "10.78.0.0/23" }],
      `${config}invalid ip-range 10.78.0.0/23: CIDR block is bigger than its parent subnet 10.78.0.0/24`,
    ],
    [
      [{ Subnet: "10.78.0.0/24", IPRange: "10.78.0.5/28" }],
      `${config}invalid ip-range 10.78.0.5/28: it should be 10.78.0.0/28`,
    ],
    [
      [{ Subnet: "10.1.0.0/24" }, { Subnet: "10.2.0.0/24" }],
      "forbidden: bridge driver doesn't support multiple subnets",
    ],
    ...["10.78.0.0", "10.78.0.255"].map((Gateway): (typeof subnets)[number] => [
      [{ Subnet: "10.78.0.0/24", Gateway }],
      `internal: failed to allocate gateway (${Gateway}): Address already in use`,
    ]),
  ];
  for (const [pools, words] of subnets) {
    test(JSON.stringify(pools), () => expect(failure(() => readSubnets(pools))).toBe(words));
  }
  const PLAIN = { enableIPv6: false, internal: false };
  const options: [Record<string, string>, string][] = [
    [
      { "com.docker.network.driver.mtu": "abc" },
      'invalid: failed to parse com.docker.network.driver.mtu value: abc (strconv.Atoi: parsing "abc": invalid syntax)',
    ],
    [
      { "com.docker.network.bridge.enable_icc": "abc" },
      'invalid: failed to parse com.docker.network.bridge.enable_icc value: abc (strconv.ParseBool: parsing "abc": invalid syntax)',
    ],
    [
      { "com.docker.network.bridge.host_binding_ipv4": "abc" },
      "invalid: failed to parse com.docker.network.bridge.host_binding_ipv4 value: abc (nil ip)",
    ],
    [
      { "com.docker.network.bridge.gateway_mode_ipv4": "zork" },
      "invalid: failed to parse com.docker.network.bridge.gateway_mode_ipv4 value: zork (unknown gateway mode zork)",
    ],
  ];
  for (const [given, words] of options) {
    test(JSON.stringify(given), () => expect(failure(() => readBridgeOptions(given, PLAIN))).toBe(words));
  }
  for (const [what, network] of [
    ["IPv6", { ...PLAIN, enableIPv6: true }],
    ["an internal network", { ...PLAIN, internal: true }],
  ] as const) {
    test(`neighbours are not routed with ${what}`, () => {
      const key = "dev.naru.network.routes_neighbours";
      const words = `invalid: ${key} is for networks of IPv4 alone that are not internal: leave it out`;
      expect(failure(() => readBridgeOptions({ [key]: "true" }, network))).toBe(words);
      expect(readBridgeOptions({ [key]: "false" }, network).routesNeighbours).toBe(false);
      expect(readBridgeOptions({ [key]: "true" }, PLAIN).routesNeighbours).toBe(true);
    });
  }
  test("what is not said has Docker's defaults", () => {
    expect(readBridgeOptions({ zork: "x" }, PLAIN)).toEqual({
      interfaceName: undefined,
      mtu: 1500,
      allowsTalk: true,
      routesNeighbours: false,
      masquerades: true,
      hostAddress: "0.0.0.0",
    });
  });
});

describe("port wishes", () => {
  test("certain ports come before ranges and random ones", () => {
    const wishes = readPortWishes({
      portBindings: {
        "90/tcp": [{ HostIp: "", HostPort: "" }],
        "80/TCP": [
          { HostIp: "127.0.0.1", HostPort: "8080" },
          { HostIp: "", HostPort: "8085-8086" },
        ],
        "53/udp": [{ HostIp: "", HostPort: "53" }],
        "1/tcp": null,
      },
      exposedPorts: ["7/sctp", "80/tcp"],
      publishAllPorts: true,
    });
    expect(
      wishes.map((w) => `${w.hostIp} ${w.firstHostPort}-${w.lastHostPort}:${w.containerPort}/${w.protocol}`),
    ).toEqual([" 53-53:53/udp", "127.0.0.1 8080-8080:80/tcp", " 8085-8086:80/tcp", " 0-0:7/sctp", " 0-0:90/tcp"]);
  });
  for (const [key, port] of [
    ["80/foo", "1"],
    ["80", "xx"],
    ["80", "70000"],
    ["80", "5-4"],
    ["x/tcp", "1"],
  ] as const) {
    test(`${port}:${key} is refused`, () => {
      const wrong = {
        portBindings: { [key]: [{ HostIp: "", HostPort: port }] },
        exposedPorts: [],
        publishAllPorts: false,
      };
      expect(failure(() => readPortWishes(wrong))).toStartWith("invalid: invalid port specification");
    });
  }
});

describe("PortAllocator", () => {
  test("knows that every address includes each address, per protocol and IP version", () => {
    const ports = new PortAllocator({ first: 100, last: 102 });
    ports.reserve("tcp", "0.0.0.0", 80);
    ports.reserve("tcp", "127.0.0.1", 81);
    const cases = [
      ["tcp", "0.0.0.0", 80],
      ["tcp", "10.0.0.1", 80],
      ["udp", "0.0.0.0", 80],
      ["tcp", "::", 80],
      ["tcp", "0.0.0.0", 81],
      ["tcp", "127.0.0.1", 81],
      ["tcp", "127.0.0.2", 81],
    ] as const;
    expect(cases.map(([protocol, ip, port]) => ports.isFree(protocol, ip, port))).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
      true,
    ]);
    ports.release("tcp", "0.0.0.0", 80);
    expect(ports.isFree("tcp", "10.0.0.1", 80)).toBe(true);
  });
  test("walks on through the ephemeral ports and begins again", () => {
    const ports = new PortAllocator({ first: 100, last: 102 });
    const next = () => ports.ephemeralPorts().next().value;
    expect([next(), next(), next(), next()]).toEqual([100, 101, 102, 100]);
    expect([...ports.ephemeralPorts()]).toEqual([101, 102, 100]);
  });
});

describe("gatewayEndpoint()", () => {
  const endpoint = (networkName: string, more: Partial<EndpointRecord> = {}): EndpointRecord => ({
    networkId: networkName,
    networkName,
    endpointId: "",
    settings: {},
    interfaceName: "",
    interfaceIndex: 0,
    hostInterfaceName: "",
    mac: "",
    ipv4Gateway: "1.1.1.1",
    ...more,
  });
  const cases: [string, EndpointRecord[], string | undefined][] = [
    ["the first by name", [endpoint("b"), endpoint("a")], "a"],
    ["priority", [endpoint("a"), endpoint("b", { settings: { GwPriority: 1 } })], "b"],
    ["both IP versions", [endpoint("a"), endpoint("b", { ipv6Gateway: "::1" })], "b"],
    ["never an internal network", [endpoint("a", { ipv4Gateway: undefined }), endpoint("b")], "b"],
    ["none", [endpoint("a", { ipv4Gateway: undefined })], undefined],
  ];
  for (const [title, endpoints, expected] of cases) {
    test(title, () => expect(gatewayEndpoint({ endpoints } as SandboxRecord, 4)?.networkName).toBe(expected));
  }
  test("interfaces get the lowest free number", () => {
    const named = (interfaceName: string) => endpoint("x", { interfaceName });
    expect(nextInterfaceName([])).toBe("eth0");
    expect(nextInterfaceName([named("eth1")])).toBe("eth0");
    expect(nextInterfaceName([named("eth0"), named("eth1")])).toBe("eth2");
  });

  const withName = (interfaceName: string) => ({ interfaceName }) as EndpointRecord;
  const asked = (name: string) => ({ DriverOpts: { "com.docker.network.endpoint.ifname": name } });
  test("an interface named by the membership's options", () => {
    expect(chooseInterfaceName(asked("lan0"), [withName("eth0")])).toBe("lan0");
    expect(chooseInterfaceName(asked(""), [withName("eth0")])).toBe("eth1");
  });
  test.each(["eth0", "lo"])("%s is there already", (name) => {
    expect(failure(() => chooseInterfaceName(asked(name), [withName("eth0")]))).toStartWith(
      `conflict: the container has an interface ${name} already`,
    );
  });
  test.each(["a/b", "a b", "..", "all", "eth%d", "sixteen-bytes-xx"])("%s is no name for an interface", (name) => {
    expect(failure(() => chooseInterfaceName(asked(name), []))).toEndWith("is no interface name");
  });
});

describe("filters of the list", () => {
  const record = {
    name: "front",
    id: "abc123",
    driver: "bridge",
    scope: "local",
    labels: { a: "b" },
  } as unknown as NetworkRecord;
  const cases: [string, string[], boolean][] = [
    ["name", ["ron"], true],
    ["name", ["x"], false],
    ["id", ["abc"], true],
    ["id", ["bc"], false],
    ["driver", ["null", "bridge"], true],
    ["label", ["a"], true],
    ["label", ["a=b"], true],
    ["label", ["a=c"], false],
    ["label", ["a", "z"], false],
    ["type", ["custom"], true],
    ["type", ["builtin"], false],
    ["dangling", ["true"], true],
    ["dangling", ["false"], false],
    ["scope", ["local"], true],
    ["scope", ["swarm"], false],
  ];
  for (const [key, values, expected] of cases) {
    test(`${key}=${values}`, () => expect(matchesFilters(record, new Map([[key, values]]), false)).toBe(expected));
  }
  test("that nobody knows are refused", () => {
    expect(failure(() => checkFilters(new Map([["zork", ["x"]]])))).toBe("invalid: invalid filter 'zork'");
    expect(failure(() => checkFilters(new Map([["type", ["x"]]])))).toBe("internal: invalid filter: 'type'='x'");
    expect(failure(() => checkFilters(new Map([["dangling", ["x"]]])))).toContain('must be "true"');
    expect(failure(() => checkFilters(new Map([["dangling", ["true", "false"]]])))).toBe(
      'invalid: got more than one value for filter key "dangling"',
    );
  });
});
