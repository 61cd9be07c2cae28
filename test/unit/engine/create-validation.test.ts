import { expect, test } from "bun:test";
import { checkTmpfsOptions, parseBind } from "../../../src/engine/mount-specs.ts";
import type { ContainerCreateRequest, HostConfig, Mount } from "../../../src/model/container.ts";
import { createTestEngine, fakeImage } from "./fakes.ts";

// Texts and kinds as Docker 28.5 answered them.
const refused: [ContainerCreateRequest, string, string][] = [
  [{ Image: "nosuch:1" }, "not-found", "No such image: nosuch:1"],
  [{ WorkingDir: "rel" }, "invalid", "the working directory 'rel' is invalid, it needs to be an absolute path"],
  [{ Env: ["=a"] }, "invalid", "invalid environment variable: =a"],
  [{ Env: ["A=b\0c"] }, "invalid", 'invalid environment variable "A=b\\u0000c": contains nul byte'],
  [{ Cmd: ["echo", "a\0"] }, "invalid", 'invalid command "a\\u0000": contains nul byte'],
  [{ StopSignal: "FOO" }, "invalid", "invalid signal: FOO"],
  [{ Healthcheck: { Interval: 1 } }, "invalid", "Interval in Healthcheck cannot be less than 1ms"],
  [{ Healthcheck: { Retries: -1 } }, "invalid", "Retries in Healthcheck cannot be negative"],
  [{ Entrypoint: [""], Cmd: [] }, "invalid", "no command specified"],
  [{ MacAddress: "zz" }, "invalid", "invalid config for network bridge: invalid MAC address zz"],
  [
    { NetworkingConfig: { EndpointsConfig: { bridge: { Aliases: ["x"] } } } },
    "invalid",
    "invalid config for network bridge: invalid endpoint settings:\nnetwork-scoped alias is supported only for containers in user defined networks",
  ],
];
test.each(refused)("%j", async (request, kind, message) => {
  await using t = await createTestEngine();
  const created = t.engine.containers.create("web", { Image: "busybox", ...request });
  await expect(created).rejects.toMatchObject({ kind, message });
  await created.catch(() => {});
  // Nothing is left: neither layer nor name.
  expect(t.images.layers.size).toBe(0);
  await t.engine.containers.create("web", { Image: "busybox" });
});

const refusedHosts: [HostConfig, string, string][] = [
  [{ Memory: 1000 }, "invalid", "Minimum memory limit allowed is 6MB"],
  [{ MemorySwap: 100 }, "invalid", "You should always set the Memory limit when using Memoryswap limit, see usage"],
  [{ NanoCpus: 1e9, CpuQuota: 100_000 }, "invalid", "Conflicting options: Nano CPUs and CPU Quota cannot both be set"],
  [{ CpuShares: -1 }, "invalid", "invalid CPU shares (-1): value must be a positive integer"],
  [
    { CpuRealtimePeriod: 1000, CpuRealtimeRuntime: 2000 },
    "invalid",
    "cpu real-time runtime cannot be higher than cpu real-time period",
  ],
  [{ CpusetCpus: "x" }, "invalid", "Invalid value x for cpuset cpus: invalid format: x"],
  [{ IOMaximumIOps: 3 }, "invalid", "invalid option: QoS maximum IOPs configuration is not supported on linux"],
  [
    { IOMaximumBandwidth: 3 },
    "invalid",
    "invalid option: QoS maximum bandwidth configuration is not supported on linux",
  ],
  [
    { DeviceRequests: [{ Count: -1, Capabilities: [["gpu", "nvidia"], ["tpu"]] }] },
    "invalid",
    'could not select device driver "" with capabilities: [[gpu nvidia] [tpu]]; pass the device files with --device instead',
  ],
  [{ OomScoreAdj: 2000 }, "invalid", "Invalid value 2000, range for oom score adj is [-1000, 1000]"],
  [{ ShmSize: -1 }, "invalid", "SHM size can not be less than 0"],
  [
    { AutoRemove: true, RestartPolicy: { Name: "always", MaximumRetryCount: 0 } },
    "invalid",
    "can't create 'AutoRemove' container with restart policy",
  ],
  [
    { RestartPolicy: { Name: "always", MaximumRetryCount: 3 } },
    "invalid",
    "invalid restart policy: maximum retry count can only be used with 'on-failure'",
  ],
  [{ NetworkMode: "container:" }, "invalid", "invalid network mode: invalid container format container:<name|id>"],
  [{ Links: ["nosuch:a"] }, "invalid", "could not get container for nosuch: No such container: nosuch"],
  [{ Links: ["a:b:c"] }, "internal", "bad format for links: a:b:c"],
  [{ PortBindings: { "x/tcp": [] } }, "invalid", 'invalid port specification: "x"'],
  [
    { PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "99999" }] } },
    "invalid",
    'invalid port specification: "99999"',
  ],
  [{ IpcMode: "foo" }, "invalid", "invalid IPC mode: foo"],
  [{ PidMode: "container:nosuch" }, "invalid", "No such container: nosuch"],
  [{ CapAdd: ["FOO"] }, "invalid", 'invalid CapAdd: unknown capability: "CAP_FOO"'],
  [{ SecurityOpt: ["foo=bar"] }, "internal", 'invalid --security-opt 2: "foo=bar"'],
  [{ ExtraHosts: ["x"] }, "invalid", 'bad format for add-host: "x"'],
  [{ LogConfig: { Type: "foo" } }, "invalid", 'error looking up logging plugin foo: plugin "foo" not found'],
  [
    { LogConfig: { Type: "json-file", Config: { foo: "x" } } },
    "invalid",
    "unknown log opt 'foo' for json-file log driver",
  ],
  [{ Runtime: "foo" }, "invalid", "unknown or invalid runtime name: foo"],
  [{ VolumesFrom: ["nosuch"] }, "invalid", "No such container: nosuch"],
  [{ VolumesFrom: [""] }, "invalid", "volumes-from specification cannot be an empty string"],
  [
    { Mounts: [{ Type: "volume", Target: "/x", ReadOnly: true }] },
    "invalid",
    'invalid mount config for type "volume": must not set ReadOnly mode when using anonymous volumes',
  ],
  [{ VolumesFrom: [":ro"] }, "invalid", 'invalid name or ID supplied: ""'],
  [{ Binds: ["/tmp:/x", "/etc:/x"] }, "invalid", "Duplicate mount point: /x"],
  [
    { Mounts: ["/x", "/x/"].map((Target) => ({ Type: "tmpfs" as const, Target })) },
    "invalid",
    "Duplicate mount point: /x/",
  ],
  [{ Binds: ["/x:ro"] }, "internal", "invalid volume specification: '/x:ro'"],
  [
    { Binds: ["/tmp:/x:nocopy"] },
    "internal",
    `invalid volume specification: '/tmp:/x:nocopy': invalid mount config for type "bind": field VolumeOptions must not be specified`,
  ],
  [
    { Binds: ["data:/x:rslave"] },
    "internal",
    `invalid volume specification: 'data:/x:rslave': invalid mount config for type "volume": field BindOptions must not be specified`,
  ],
  [
    { Binds: ["/tmp::"] },
    "internal",
    `invalid volume specification: '/tmp::': invalid mount config for type "bind": field Target must not be empty`,
  ],
  [{ Binds: ["/tmp:/x:ro,rw"] }, "internal", "invalid mode: ro,rw"],
  [{ Binds: ["/tmp:/x:foo"] }, "internal", "invalid mode: foo"],
  [{ Tmpfs: { rel: "" } }, "invalid", "invalid mount path: 'rel' mount path must be absolute"],
];
test.each(refusedHosts)("%j", async (HostConfig, kind, message) => {
  await using t = await createTestEngine();
  await expect(t.engine.containers.create("web", { Image: "busybox", HostConfig })).rejects.toMatchObject({
    kind,
    message,
  });
});

const refusedMounts: [Partial<Mount>, string][] = [
  [{ Source: "/nosuch" }, 'invalid mount config for type "bind": bind source path does not exist: /nosuch'],
  [{ Source: "" }, 'invalid mount config for type "bind": field Source must not be empty'],
  [{ Source: "rel" }, `invalid mount config for type "bind": invalid mount path: 'rel' mount path must be absolute`],
  [{ Target: "" }, 'invalid mount config for type "bind": field Target must not be empty'],
  [{ Target: "/" }, `invalid mount config for type "bind": invalid specification: destination can't be '/'`],
  [{ Type: "foo" as never }, 'invalid mount config for type "foo": mount type unknown'],
  [{ Type: "npipe" }, 'invalid mount config for type "npipe": mount type unknown'],
  [{ Type: undefined }, 'invalid mount config for type "": mount type unknown'],
  [{ ImageOptions: {} }, 'invalid mount config for type "bind": field ImageOptions must not be specified'],
  ...["/abs", "..", "../x", "a/../../x"].map((Subpath): [Partial<Mount>, string] => [
    { Type: "volume", Source: "data", VolumeOptions: { Subpath } },
    'invalid mount config for type "volume": subpath must be a relative path within the volume',
  ]),
  [
    { Type: "image", Source: "busybox", ImageOptions: { Subpath: "../x" } },
    'invalid mount config for type "image": subpath must be a relative path within the volume',
  ],
  [
    { Type: "volume", Source: "", VolumeOptions: { Subpath: "a" } },
    'invalid mount config for type "volume": must not set Subpath when using anonymous volumes',
  ],
  ...[
    [["uid", "5"], "invalid option: uid"],
    [["rw"], "invalid option: rw"],
    [[], "invalid option array length"],
  ].map(([option, reason]): [Partial<Mount>, string] => [
    { Type: "tmpfs", Source: "", TmpfsOptions: { Options: [option as string[]] } },
    `invalid mount config for type "tmpfs": ${reason}`,
  ]),
  [{ Type: "tmpfs" }, 'invalid mount config for type "tmpfs": field Source must not be specified'],
  [{ VolumeOptions: {} }, 'VolumeOptions must not be specified on mount type "bind"'],
  [{ BindOptions: { Propagation: "zzz" } }, 'invalid mount config for type "bind": invalid propagation mode: zzz'],
];
test.each(refusedMounts)("mount %j", async (change, message) => {
  await using t = await createTestEngine();
  const mount: Mount = { Type: "bind", Source: "/tmp", Target: "/x", ...change };
  const created = t.engine.containers.create("web", { Image: "busybox", HostConfig: { Mounts: [mount] } });
  await expect(created).rejects.toMatchObject({ kind: "invalid", message });
});

test.each([
  [["nosuid", "size=1m", "mode=700", "nr_inodes=5"], ""],
  [["nope"], 'invalid tmpfs option "nope"'],
  [["size"], 'invalid tmpfs option "size"'],
  [["ro=1"], 'invalid tmpfs option "ro"'],
])("tmpfs options %j", (options, refusal) => {
  if (refusal === "") checkTmpfsOptions(options);
  else expect(() => checkTmpfsOptions(options)).toThrow(refusal);
});

test("a bind may end in a colon: no mode", () => {
  expect(parseBind("/tmp:/x:")).toMatchObject({ source: "/tmp", destination: "/x", mode: "" });
});

test.each(["rel", ":/x", "a:", "", "/a:/b:ro:z"])("bind %j is refused", (spec) => {
  expect(() => (spec === "rel" ? parseBind("a:rel") : parseBind(spec))).toThrow("invalid volume specification");
});

test("what create makes of a request", async () => {
  await using t = await createTestEngine();
  t.images.images.push(fakeImage("app:1", { Cmd: ["serve"], Env: ["A=1"], Volumes: { "/data": {} } }));
  await t.engine.containers.create("web", {
    Image: "app:1",
    HostConfig: {
      Memory: 10_000_000,
      Privileged: true,
      Binds: ["named:/v:ro", "/tmp:/t"],
      Tmpfs: { "/tt": "size=1m,mode=700" },
    },
  });
  const { Config, HostConfig, Mounts, Path, Args, NetworkSettings } = await t.engine.containers.inspect("web");
  expect(Config).toMatchObject({ Env: ["A=1"], Cmd: ["serve"], Labels: {}, Volumes: { "/data": {} } });
  expect(HostConfig).toMatchObject({
    MemorySwap: 20_000_000,
    MaskedPaths: null,
    SecurityOpt: ["label=disable"],
    NetworkMode: "bridge",
    ShmSize: 67_108_864,
  });
  expect([Path, ...Args]).toEqual(["serve"]);
  expect(Object.keys(NetworkSettings.Networks)).toEqual(["bridge"]);
  expect(Mounts.map(({ Type, Destination, RW, Mode }) => [Type, Destination, RW, Mode])).toEqual([
    ["volume", "/v", false, "ro"],
    ["bind", "/t", true, ""],
    ["volume", "/data", true, ""],
  ]);
  await t.engine.containers.start("web");
  const [start] = t.runtime.starts;
  expect(start!.mounts.map(({ destination }) => destination)).toContain("/tt");
  expect(start!.mounts.find(({ destination }) => destination === "/tt")?.options).toEqual([
    "noexec",
    "nosuid",
    "nodev",
    "size=1m",
    "mode=700",
  ]);
  expect(start!.config.Env).toEqual([
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    `HOSTNAME=${Config.Hostname}`,
    "A=1",
  ]);
});

test("weights of block devices that the kernel does not know are discarded aloud", async () => {
  await using t = await createTestEngine();
  const HostConfig = { BlkioWeight: 500, BlkioWeightDevice: [{ Path: "/dev/null", Weight: 300 }] };
  const { Id, Warnings } = await t.engine.containers.create("weighed", { Image: "busybox", HostConfig });
  expect(Warnings).toEqual([
    "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
    "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
  ]);
  expect((await t.engine.containers.inspect(Id, { size: false })).HostConfig).toMatchObject({ BlkioWeight: 0 });
});
