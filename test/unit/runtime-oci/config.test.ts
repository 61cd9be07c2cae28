import { describe, expect, test } from "bun:test";
import type { StartRequest } from "../../../src/runtime/contract.ts";
import type { HostFacts } from "../../../src/runtime/host-facts.ts";
import { buildOciConfig, type ConfigParts, containerRlimits } from "../../../src/runtime/oci-config.ts";
import { parseSecurityOptions } from "../../../src/runtime/oci-security.ts";

const facts: HostFacts = {
  overlayOptions: [],
  capabilities: [],
  missingCapabilities: [],
  arch: "amd64",
  kernel: "6.1",
  hasSeccomp: true,
  apparmorProfiles: undefined,
  oomScoreAdj: 0,
  thermalPaths: [],
};
const defaults = { ulimits: [], init: false, noNewPrivileges: false };

function build(change: Partial<StartRequest> = {}, options: { version?: "1" | "2"; init?: boolean } = {}) {
  const request: StartRequest = {
    id: "abc",
    runDir: "/run/abc",
    config: { Entrypoint: ["/bin/app"], Cmd: ["x", "y"], Env: ["A=b"] },
    hostConfig: {},
    root: { lowerDirs: ["/l"], upperDir: "/u", workDir: "/w" },
    mounts: [],
    hostname: "box",
    domainname: "",
    networkNamespace: "/ns/abc",
    log: { path: undefined, maxSizeBytes: 0, maxFiles: 0 },
    cgroupPath: "/naru/abc",
    ...change,
  };
  const parts: ConfigParts = {
    user: { uid: 1, gid: 2, additionalGids: [2] },
    env: request.config.Env ?? [],
    capabilities: ["CAP_KILL"],
    security: parseSecurityOptions(request.hostConfig.SecurityOpt ?? [], defaults),
    devices: { nodes: [], rules: [{ allow: false, access: "rwm" }] },
    resources: { pids: { limit: 3 } },
    seccomp: { annotations: { "run.x": "y" } },
    rootPath: "/run/abc/rootfs",
    initPath: "/lib/init",
    cgroupVersion: options.version ?? "1",
    recursiveReadOnly: true,
  };
  return buildOciConfig(request, parts, facts, { ...defaults, init: options.init ?? false });
}

test("a plain container", () => {
  const { mounts, linux, ...rest } = build();
  expect(rest).toEqual({
    ociVersion: "1.0.2",
    process: {
      user: { uid: 1, gid: 2, additionalGids: [2] },
      args: ["/bin/app", "x", "y"],
      env: ["A=b"],
      cwd: "/",
      capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] },
    },
    root: { path: "/run/abc/rootfs" },
    hostname: "box",
    annotations: { "run.x": "y" },
  });
  expect(mounts).toHaveLength(7);
  const { maskedPaths, readonlyPaths, ...others } = linux;
  expect(maskedPaths).toHaveLength(12);
  expect(readonlyPaths).toHaveLength(5);
  expect(others).toEqual({
    sysctl: { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" },
    resources: { pids: { limit: 3 }, devices: [{ allow: false, access: "rwm" }] },
    cgroupsPath: "/naru/abc",
    namespaces: [
      { type: "mount" },
      { type: "network", path: "/ns/abc" },
      { type: "uts" },
      { type: "pid" },
      { type: "ipc" },
    ],
  });
});

describe("namespaces", () => {
  const namesOf = (...args: Parameters<typeof build>) =>
    build(...args)
      .linux.namespaces.map(({ type, path }) => (path ? `${type}=${path}` : type))
      .join(" ");
  const own = "mount network=/ns/abc uts pid ipc";
  test.each<[Partial<StartRequest>, "1" | "2", string]>([
    [{}, "1", own],
    [{}, "2", `${own} cgroup`],
    [{ hostConfig: { CgroupnsMode: "private" } }, "1", `${own} cgroup`],
    [{ hostConfig: { CgroupnsMode: "host" } }, "2", own],
    [{ networkNamespace: undefined, hostConfig: { NetworkMode: "host" } }, "1", "mount uts pid ipc"],
    [{ hostConfig: { PidMode: "host", IpcMode: "host", UTSMode: "host" } }, "1", "mount network=/ns/abc"],
    [
      { hostConfig: { PidMode: "container:x", IpcMode: "container:x" }, joinPid: { pid: 7, ipc: 8 } },
      "1",
      "mount network=/ns/abc uts pid=/proc/7/ns/pid ipc=/proc/8/ns/ipc",
    ],
    [{ hostConfig: { IpcMode: "shareable", PidMode: "private" } }, "1", own],
  ])("%j on version %s", (change, version, expected) => {
    expect(namesOf(change, { version })).toBe(expected);
  });
});

describe("what an option changes", () => {
  const config = { Cmd: ["sh"] };
  test("terminal and its size", () => {
    const { process } = build({ config: { ...config, Tty: true }, hostConfig: { ConsoleSize: [24, 80] } });
    expect(process).toMatchObject({ terminal: true, consoleSize: { height: 24, width: 80 } });
    expect(build({ config, hostConfig: { ConsoleSize: [24, 80] } }).process.consoleSize).toBeUndefined();
    expect(build({ config: { ...config, Tty: true }, hostConfig: { ConsoleSize: [0, 0] } }).process).not.toHaveProperty(
      "consoleSize",
    );
  });

  test("no-new-privileges, OOM score, working directory, read-only root, annotations", () => {
    const spec = build({
      config: { ...config, WorkingDir: "/w" },
      hostConfig: { SecurityOpt: ["no-new-privileges"], OomScoreAdj: 5, ReadonlyRootfs: true, Annotations: { a: "b" } },
    });
    expect(spec.process).toMatchObject({ noNewPrivileges: true, oomScoreAdj: 5, cwd: "/w" });
    expect(spec.root.readonly).toBe(true);
    expect(spec.annotations).toEqual({ a: "b", "run.x": "y" });
  });

  test.each([
    ["none", {}, false, ["sh"]],
    ["asked for", { Init: true }, false, ["/sbin/docker-init", "--", "sh"]],
    ["the daemon's default", {}, true, ["/sbin/docker-init", "--", "sh"]],
    ["refused", { Init: false }, true, ["sh"]],
    ["host's pids", { Init: true, PidMode: "host" }, false, ["sh"]],
  ])("init: %s", (_, hostConfig, init, args) => {
    expect(build({ config, hostConfig }, { init }).process.args).toEqual(args);
  });

  test.each<[string, Partial<StartRequest>, Record<string, string> | undefined]>([
    ["host's network", { networkNamespace: undefined, hostConfig: { NetworkMode: "host" } }, undefined],
    ["another's network", { hostConfig: { NetworkMode: "container:x" } }, undefined],
    [
      "own values win",
      { hostConfig: { NetworkMode: "none", Sysctls: { "net.ipv4.ping_group_range": "1 2", "net.a": "b" } } },
      { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "1 2", "net.a": "b" },
    ],
    ["domain", { networkNamespace: undefined, domainname: "d.org" }, { "kernel.domainname": "d.org" }],
    [
      "domain of the host's",
      { networkNamespace: undefined, domainname: "d", hostConfig: { UTSMode: "host" } },
      undefined,
    ],
  ])("sysctls: %s", (_, change, expected) => {
    expect(build(change).linux.sysctl).toEqual(expected);
  });

  test("the host's name is not set in the host's namespace", () => {
    expect(build({ hostConfig: { UTSMode: "host" } })).not.toHaveProperty("hostname");
    expect(build({ hostConfig: { UTSMode: "container:x" }, joinPid: { uts: 9 } })).not.toHaveProperty("hostname");
  });
});

test("a container's own limits come before the daemon's", () => {
  const nofile = { Name: "nofile", Soft: 1, Hard: 2 };
  expect(
    containerRlimits({ Ulimits: [nofile] }, [
      { ...nofile, Soft: 9 },
      { Name: "nproc", Soft: 3, Hard: 4 },
    ]),
  ).toEqual([
    { type: "RLIMIT_NOFILE", soft: 1, hard: 2 },
    { type: "RLIMIT_NPROC", soft: 3, hard: 4 },
  ]);
});
