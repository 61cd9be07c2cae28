import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCommandLine } from "../../../src/daemon/command-line.ts";
import { parseConfigFile } from "../../../src/daemon/config-file.ts";
import { daemonHelp } from "../../../src/daemon/daemon-help.ts";
import { parseListenAddress } from "../../../src/daemon/listen-address.ts";
import { configure } from "../../../src/daemon/main.ts";
import { daemonOptions } from "../../../src/daemon/options.ts";
import { SETTINGS } from "../../../src/daemon/settings.ts";

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-config-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

const SEE_HELP = "\nSee 'naru daemon --help'.";

describe("the builder's settings, as dockerd nests them", () => {
  const optionsOf = (builder: object) => daemonOptions(parseConfigFile(JSON.stringify({ builder })));

  test("limits and rights", () => {
    const { builderGc, builderEntitlements } = optionsOf({
      gc: {
        enabled: true,
        defaultKeepStorage: "10GB",
        policy: [{ keepStorage: "1GB", filter: ["unused-for=48h"] }, { all: true }],
      },
      entitlements: { "network-host": false, "security-insecure": true },
    });
    expect(builderGc).toMatchObject({ enabled: true, defaultKeepStorage: "10GB" });
    expect(builderGc.policy).toHaveLength(2);
    expect(builderEntitlements).toEqual(["security.insecure"]);
    expect(optionsOf({}).builderEntitlements).toEqual(["network.host"]);
    expect(optionsOf({ gc: { enabled: false } }).builderGc.enabled).toBeFalse();
  });

  test("mistakes are told at the start", () => {
    expect(() => optionsOf({ gc: { defaultKeepStorage: "much" } })).toThrow("invalid size");
    expect(() => optionsOf({ gc: { policy: [{ filter: ["x"] }] } })).toThrow('filter "x"');
    expect(() => optionsOf({ gc: { nonsense: 1 } })).toThrow("builder.gc.nonsense");
    expect(() => optionsOf({ gc: { enabled: "yes" } })).toThrow("cannot unmarshal");
  });
});

describe("command line", () => {
  test("values add up, switches combine", () => {
    const line = parseCommandLine(
      "-Dl warn -H unix:///a --host=tcp://127.0.0.1:1 --label a=b --label c=d --log-opt max-size=1m --icc=false".split(
        " ",
      ),
    );
    expect(line.action).toBe("run");
    expect(Object.fromEntries(line.values)).toEqual({
      debug: true,
      "log-level": "warn",
      host: ["unix:///a", "tcp://127.0.0.1:1"],
      label: ["a=b", "c=d"],
      "log-opt": { "max-size": "1m" },
      icc: false,
    });
  });

  test.each([
    ["--nonsense", `unknown flag: --nonsense${SEE_HELP}`],
    ["-Z", `unknown shorthand flag: 'Z' in -Z${SEE_HELP}`],
    ["--bip", `flag needs an argument: --bip${SEE_HELP}`],
    ["--mtu x", `invalid argument "x" for "--mtu" flag: strconv.ParseInt: parsing "x": invalid syntax${SEE_HELP}`],
    [
      "--debug=zz",
      `invalid argument "zz" for "-D, --debug" flag: strconv.ParseBool: parsing "zz": invalid syntax${SEE_HELP}`,
    ],
    [
      "--default-ulimit foo",
      `invalid argument "foo" for "--default-ulimit" flag: invalid ulimit argument: foo${SEE_HELP}`,
    ],
    [
      "--default-ulimit nofile=9:2",
      `invalid argument "nofile=9:2" for "--default-ulimit" flag: ulimit soft limit must be less than or equal to hard limit: 9 > 2${SEE_HELP}`,
    ],
    ["--default-shm-size x", `invalid argument "x" for "--default-shm-size" flag: invalid size: 'x'${SEE_HELP}`],
    ["start", `"naru daemon" accepts no arguments.${SEE_HELP}`],
  ])("refuses %s", (text, message) => {
    expect(() => parseCommandLine(text.split(" "))).toThrow(message);
  });

  test("help names every supported flag once", () => {
    const help = daemonHelp();
    for (const { flag, refusal } of SETTINGS) {
      expect(help.split(`--${flag} `).length - 1 > 0).toBe(refusal === undefined);
    }
  });
});

describe("configuration file", () => {
  const withFile = async (text: string, ...flags: string[]) => {
    const path = join(scratch, "daemon.json");
    await writeFile(path, text);
    return configure(parseCommandLine(["--config-file", path, ...flags])).then(
      ({ options }) => options,
      (error: Error) => error.message.replace(`unable to configure the naru daemon with file ${path}: `, ""),
    );
  };

  test.each([
    ['{"nonsense":1,"x":2}', "the following directives don't match any configuration option: nonsense, x"],
    ['{"mtu":"x"}', "invalid JSON: json: cannot unmarshal string into Go struct field Config.mtu of type int"],
    ["[]", "invalid JSON: json: cannot unmarshal array into Go value of type map[string]interface {}"],
    [
      '{"log-opts":{"a":1}}',
      "invalid JSON: json: cannot unmarshal number into Go struct field Config.log-opts.a of type string",
    ],
    [
      '{"labels":["ab"]}',
      "merged configuration validation from file and command line flags failed: bad attribute format: ab",
    ],
    [
      '{"hosts":["foo://x"]}',
      "merged configuration validation from file and command line flags failed: invalid bind address (foo://x): unsupported proto 'foo'",
    ],
  ])("refuses %s", async (text, message) => {
    expect(await withFile(text)).toBe(message);
  });

  test("refuses what is a flag too", async () => {
    expect(await withFile('{"pidfile":"/a","mtu":3,"labels":["a=b"]}', "--pidfile", "/b", "--mtu", "4")).toBe(
      "the following directives are specified both as a flag and in the configuration file: " +
        "mtu: (from flag: 4, from file: 3), pidfile: (from flag: /b, from file: /a)",
    );
  });

  test("an absent file is refused only when it was named", async () => {
    const path = join(scratch, "absent.json");
    await expect(configure(parseCommandLine(["--config-file", path]))).rejects.toThrow(
      `open ${path}: no such file or directory`,
    );
  });

  test("keys take effect", async () => {
    const options = await withFile(
      JSON.stringify({
        hosts: ["tcp://127.0.0.1:2376"],
        "default-ulimits": { nofile: { Name: "nofile", Soft: 77, Hard: 99 } },
        "default-address-pools": [{ base: "10.0.0.0/8", size: 24 }],
        "default-shm-size": "1g",
        proxies: { "http-proxy": "http://p:1" },
        bip: "10.1.1.1/24",
        "live-restore": true,
        features: { buildkit: true },
        "userland-proxy": false,
      }),
    );
    expect(options).toMatchObject({
      listen: [{ kind: "tcp", host: "127.0.0.1", port: 2376 }],
      ulimits: [{ Name: "nofile", Soft: 77, Hard: 99 }],
      addressPools: [{ base: "10.0.0.0/8", size: 24 }],
      shmSizeBytes: 2 ** 30,
      proxies: { http: "http://p:1" },
      bridgeAddress: "10.1.1.1/24",
    });
  });

  test("an empty file is an empty configuration", () => {
    expect(parseConfigFile("").size).toBe(0);
  });

  test("a byte order mark is no part of it", () => {
    expect(parseConfigFile('\uFEFF{"debug":true}').get("debug")).toBeTrue();
  });
});

describe("values that make no sense", () => {
  const told = (config: object) => () => daemonOptions(parseConfigFile(JSON.stringify(config)));
  test.each([
    [{ labels: ["a=1", "a=2"] }, "conflict labels for a=2 and a=1"],
    [{ mtu: -1 }, "invalid default MTU: -1"],
    [{ dns: ["999.1.1.1"] }, "invalid IP address: 999.1.1.1"],
    [{ ip: "1.2.3" }, "invalid IP address: 1.2.3"],
    [{ "dns-search": ["bad domain!"] }, "bad domain! is not a valid domain"],
    [{ bip: "300.1.1.1/24" }, 'invalid bip "300.1.1.1/24"'],
    [{ bip: "10.1.1.1/33" }, 'invalid bip "10.1.1.1/33"'],
    [{ "default-shm-size": -1 }, "invalid size: '-1'"],
    [{ "default-ulimits": { foo: { Name: "foo", Soft: 1, Hard: 1 } } }, "invalid ulimit type: foo"],
    [{ "default-ulimits": { nofile: { Soft: 5, Hard: 1 } } }, "less than or equal to hard limit: 5 > 1"],
    [{ "default-address-pools": [{ base: "300.0.0.0/8", size: 16 }] }, 'invalid base prefix "300.0.0.0/8"'],
    [
      { features: { buildkit: "yes" } },
      "invalid JSON: json: cannot unmarshal string into Go struct field Config.features.buildkit of type bool",
    ],
    [{ features: { "containerd-snapshotter": true } }, "does not support the feature containerd-snapshotter"],
    [{ hosts: ["fd://2"] }, "invalid bind address (fd://2)"],
    [{ hosts: ["fd://name"] }, "invalid bind address (fd://name)"],
  ])("%j", (config, message) => {
    expect(told(config)).toThrow(message);
  });

  test("what asks for nothing is let pass", () => {
    const nothing = {
      runtimes: {},
      bridge: "",
      "exec-opts": [],
      "default-network-opts": {},
      "network-diagnostic-port": 0,
      mtu: 0,
      labels: ["a=1", "a=1"],
      features: { buildkit: true, cdi: false },
    };
    expect(told(nothing)()).toMatchObject({ labels: ["a=1"], mtu: undefined, prefersBuildKit: true });
  });

  test.each([
    [{ runtimes: { nvidia: { path: "x" } } }, 'runtimes=map[nvidia:{"path":"x"}]: naru uses crun'],
    [{ "default-network-opts": { bridge: { mtu: "1400" } } }, "give options to each network"],
    [{ "host-gateway-ip": "1.2.3.4" }, "host-gateway is the address of the default bridge"],
  ])("refused whatever its type: %j", (config, message) => {
    expect(told(config)).toThrow(message);
  });
});

test("TCP addresses without a port have dockerd's: 2375, and 2376 with TLS, which tlsverify brings whatever its value", () => {
  const listens = (...flags: string[]) =>
    daemonOptions(parseCommandLine(["-H", "tcp://127.0.0.1", ...flags]).values).listen[0];
  expect(listens()).toMatchObject({ port: 2375 });
  expect(listens("--tls")).toMatchObject({ port: 2376 });
  expect(listens("--tlsverify=false")).toMatchObject({ port: 2376 });
});

test("--feature NAME alone turns it on", () => {
  const prefers = (...flags: string[]) => daemonOptions(parseCommandLine(flags).values).prefersBuildKit;
  expect([prefers(), prefers("--feature", "buildkit"), prefers("--feature", "buildkit=false")]).toEqual([
    true,
    true,
    false,
  ]);
});

test("what naru does not support is refused with what to do", () => {
  expect(() => daemonOptions(new Map([["userns-remap", "default"]]))).toThrow(
    "naru does not support userns-remap=default: naru does not remap users",
  );
  expect(() => daemonOptions(new Map([["storage-driver", "zfs"]]))).toThrow("overlay2 only");
  expect(daemonOptions(new Map([["rootless", false]])).execRoot).toBe("/run/naru");
});

test.each([
  ["unix:///a/b.sock", { kind: "unix", path: "/a/b.sock" }],
  ["unix://", { kind: "unix", path: "/run/naru/naru.sock" }],
  ["tcp://1.2.3.4:5", { kind: "tcp", host: "1.2.3.4", port: 5 }],
  ["tcp://[::1]:5", { kind: "tcp", host: "::1", port: 5 }],
  ["tcp://:2376", { kind: "tcp", host: "localhost", port: 2376 }],
  ["fd://", { kind: "fd", which: undefined }],
  ["fd://*", { kind: "fd", which: undefined }],
  ["fd://4", { kind: "fd", which: 4 }],
] as const)("address %s", (text, address) => {
  expect(parseListenAddress(text, 2376)).toEqual(address as never);
});
