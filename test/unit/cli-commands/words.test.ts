import { describe, expect, test } from "bun:test";
import { completionScript } from "../../../src/cli/completion-scripts.ts";
import { ipamPools } from "../../../src/cli/ipam-pools.ts";
import { platformQuery } from "../../../src/cli/platform.ts";
import { canonicalText, completeReference } from "../../../src/cli/pull-image.ts";
import { parseReference } from "../../../src/cli/reference.ts";
import { splitWords } from "../../../src/cli/split-words.ts";
import { subnetContains } from "../../../src/cli/subnet.ts";
import { parseTimestamp } from "../../../src/cli/timestamp.ts";
import { typedView } from "../../../src/cli/typed-view.ts";
import { compileTemplate } from "../../../src/lib/go-template/template.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

describe("image references", () => {
  test.each<[string, string, string | undefined, string | undefined, string]>([
    ["nginx", "nginx", undefined, undefined, "docker.io/library/nginx"],
    ["nginx:1.2", "nginx", "1.2", undefined, "docker.io/library/nginx:1.2"],
    ["docker.io/library/nginx", "nginx", undefined, undefined, "docker.io/library/nginx"],
    ["team/app", "team/app", undefined, undefined, "docker.io/team/app"],
    ["localhost/app", "localhost/app", undefined, undefined, "localhost/app"],
    ["host:5000/a/b:t", "host:5000/a/b", "t", undefined, "host:5000/a/b:t"],
    [`a@${DIGEST}`, "a", undefined, DIGEST, `docker.io/library/a@${DIGEST}`],
    [`a:1@${DIGEST}`, "a", "1", DIGEST, `docker.io/library/a:1@${DIGEST}`],
  ])("%s", (text, familiarName, tag, digest, full) => {
    const reference = parseReference(text);
    expect(reference).toEqual({ familiarName, tag, digest });
    expect(canonicalText(reference)).toBe(full);
  });
  test.each([
    ["Upper", "invalid reference format: repository name (library/Upper) must be lowercase"],
    ["a b", "invalid reference format"],
    ["a:", "invalid reference format"],
    ["a@sha256:abc", "invalid reference format"],
    ["-a", "invalid reference format"],
    ["", "invalid reference format"],
    ["a".repeat(64), `invalid repository name (${"a".repeat(64)}), cannot specify 64-byte hexadecimal strings`],
  ])("%j is refused", (text, words) => {
    expect(() => parseReference(text)).toThrow(words);
  });
  test("the tag of a pull", () => {
    expect(completeReference(parseReference("a"), false).tag).toBe("latest");
    expect(completeReference(parseReference("a"), true).tag).toBeUndefined();
    expect(() => completeReference(parseReference("a:1"), true)).toThrow("tag can't be used with --all-tags/-a");
  });
});

describe("subnets", () => {
  test.each<[string, string, boolean]>([
    ["10.1.0.0/16", "10.1.255.1", true],
    ["10.1.0.0/16", "10.2.0.1", false],
    ["10.1.0.0/16", "10.1.4.0/24", true],
    ["fd00::/64", "fd00::1", true],
    ["fd00::/64", "fd00:0:0:1::1", false],
    ["10.0.0.0/8", "fd00::1", false],
    ["10.0.0.0/8", "nonsense", false],
  ])("%s contains %s: %p", (subnet, address, expected) => {
    expect(subnetContains(subnet, address)).toBe(expected);
  });
  const none = { subnets: [], ranges: [], gateways: [], auxAddresses: {} };
  test("everything goes to its subnet", () => {
    expect(
      ipamPools({
        subnets: ["10.1.0.0/16", "fd00::/64"],
        ranges: ["10.1.5.0/24"],
        gateways: ["fd00::1", "10.1.0.1"],
        auxAddresses: { a: "10.1.0.9" },
      }),
    ).toEqual([
      { Subnet: "10.1.0.0/16", IPRange: "10.1.5.0/24", Gateway: "10.1.0.1", AuxiliaryAddresses: { a: "10.1.0.9" } },
      { Subnet: "fd00::/64", Gateway: "fd00::1" },
    ]);
  });
  test.each<[string, Partial<typeof none> | object, string]>([
    ["no subnet", { gateways: ["10.1.0.1"] }, "every ip-range or gateway must have a corresponding subnet"],
    [
      "overlap",
      { subnets: ["10.0.0.0/8", "10.1.0.0/16"] },
      "multiple overlapping subnet configuration is not supported",
    ],
    [
      "gateway elsewhere",
      { subnets: ["10.1.0.0/16"], gateways: ["10.2.0.1"] },
      "no matching subnet for gateway 10.2.0.1",
    ],
    ["bad subnet", { subnets: ["bad"], gateways: ["10.2.0.1"] }, "invalid subnet: invalid CIDR address: bad"],
    [
      "two gateways",
      { subnets: ["10.1.0.0/16", "10.2.0.0/16"], gateways: ["10.1.0.1", "10.1.0.2"] },
      "cannot configure multiple gateways (10.1.0.2, 10.1.0.1) for the same subnet (10.1.0.0/16)",
    ],
  ])("%s", (_, options, words) => {
    expect(() => ipamPools({ ...none, ...options })).toThrow(words);
  });
});

test.each([
  ["10m", "1795249400.000000000"],
  ["1.5s", "1795249998.500000000"],
  ["0", "0"],
  ["1795249087", "1795249087"],
  ["1795249087.5", "1795249087.5"],
  ["2026-11-21T08:18:07Z", "1795249087.000000000"],
  ["2026-11-21T08:18:07.712556707Z", "1795249087.712556707"],
  ["2026-11-21T09:18:07+01:00", "1795249087.000000000"],
  ["2026-11-21Z", "1795219200.000000000"],
])("the time %s", (text, seconds) => {
  expect(parseTimestamp(text, 1_795_250_000_000)).toBe(seconds);
});
test("a time that is none", () => {
  expect(() => parseTimestamp("bad")).toThrow('failed to parse value as time or duration: "bad"');
});

test.each([
  [`nginx -g "daemon off;"`, ["nginx", "-g", "daemon off;"]],
  [`a 'b c' d\\ e ""`, ["a", "b c", "d e", ""]],
  ["  ", []],
])("the words of %j", (text, words) => {
  expect(splitWords(text)).toEqual(words);
});
test("an open quote", () => {
  expect(() => splitWords(`a "b`)).toThrow("is not closed");
});

test("platforms", () => {
  expect(platformQuery("")).toBeUndefined();
  expect(JSON.parse(platformQuery("linux/arm/v7")!)).toEqual({ os: "linux", architecture: "arm", variant: "v7" });
  expect(JSON.parse(platformQuery("linux/x86_64")!)).toEqual({ os: "linux", architecture: "amd64" });
  expect(JSON.parse(platformQuery("arm64")!)).toEqual({ os: "linux", architecture: "arm64" });
  expect(JSON.parse(platformQuery("linux/ARM64/v8")!)).toEqual({ os: "linux", architecture: "arm64", variant: "v8" });
  expect(() => platformQuery("a/b/c/d")).toThrow(
    'invalid platform: "a/b/c/d": cannot parse platform specifier: invalid argument',
  );
  expect(() => platformQuery("linux/")).toThrow('"linux/" is an invalid OS or architecture');
});

describe("objects as docker's types show them", () => {
  const container = {
    Id: "ab12",
    State: { Status: "running" },
    Config: { Entrypoint: null, Labels: null, Env: ["A=b"] },
    HostConfig: { LogConfig: { Type: "json-file", Config: {} }, NanoCpus: 5, Dns: null },
    Mounts: [{ Type: "bind", Source: "/a", Destination: "/b", Mode: "", RW: true, Propagation: "rprivate" }],
  };
  test.each([
    ["{{.State.Health}}", "<nil>"],
    ["{{json .State}}", '{"Status":"running"}'],
    ["{{.Config.Entrypoint}} {{.Config.Labels}} {{.Config.Env}}", "[] map[] [A=b]"],
    ["{{.Mounts}}", "[{bind  /a /b   true rprivate}]"],
    ["{{json .Mounts}}", JSON.stringify(container.Mounts)],
    ["{{.HostConfig.LogConfig}}", "{json-file map[]}"],
    ["{{.SizeRw}}", "<nil>"],
    ["{{.ID}} {{.Id}} {{.HostConfig.NanoCPUs}} {{.HostConfig.DNS}}", "ab12 ab12 5 []"],
    ["{{.Config.ExposedPorts}} {{range .Config.ExposedPorts}}x{{end}}{{.HostConfig.Sysctls}}", "map[] map[]"],
    ["{{if .HostConfig.Mounts}}some{{else}}none{{end}}{{with .Config.MacAddress}}{{.}}{{end}}", "none"],
    ["{{json .Config}}", '{"Entrypoint":null,"Labels":null,"Env":["A=b"]}'],
  ])("%s", (template, text) => {
    expect(compileTemplate(template).execute(typedView(container, "container"))).toBe(text);
  });
  test("the daemon's facts", () => {
    const view = typedView({ CpuCfsQuota: true, HttpProxy: "p", Runtimes: { crun: { path: "/c" } } }, "system");
    const template = compileTemplate("{{.CPUCfsQuota}} {{.HTTPProxy}} {{.Runtimes}}");
    expect(template.execute(view)).toBe("true p map[crun:{/c}]");
  });
  test("a network's time", () => {
    const view = typedView({ Created: "2026-11-21T08:13:16.5Z" }, "network");
    expect(compileTemplate("{{.Created}}").execute(view)).toBe("2026-11-21 08:13:16.5 +0000 UTC");
  });
});

describe("bash offers", () => {
  const words = { "": ["image", "network", "ps", "rm"], image: ["ls", "rm"], network: ["rm"] };
  const script = completionScript("docker", "bash", { words, flags: { rm: ["--force", "-f"] } });
  test.each([
    ["n", "network"],
    ["image l", "ls"],
    ["rm --", "--force"],
    ["rm x", "x-of-ps"],
    ["image rm x", "x-of-images"],
    ["network rm x", "x-of-network"],
    ["ps x", ""],
  ])("after %j %j", async (typed, offered) => {
    const asked = `${script}
docker() { echo "x-of-$1"; }
COMP_WORDS=(docker ${typed}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _docker; echo "\${COMPREPLY[*]}"`;
    expect(await Bun.$`bash -c ${asked}`.text()).toBe(`${offered}\n`);
  });
});
