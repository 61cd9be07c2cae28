/** The Go types of the API's request bodies, field by field (Engine API v1.51). */
import { any, bool, int, list, map, namedText, type Shape, struct, text, words } from "./go-shape.ts";

const duration = int("time.Duration");
const emptyStruct = struct("", {});
const texts = list(text);
const textMap = map(text);

const containerConfigFields: Record<string, Shape> = {
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: bool,
  AttachStdout: bool,
  AttachStderr: bool,
  ExposedPorts: map(emptyStruct, { go: "nat.PortSet" }),
  Tty: bool,
  OpenStdin: bool,
  StdinOnce: bool,
  Env: texts,
  Cmd: words,
  Healthcheck: struct("v1.HealthcheckConfig", {
    Test: texts,
    Interval: duration,
    Timeout: duration,
    StartPeriod: duration,
    StartInterval: duration,
    Retries: int("int"),
  }),
  ArgsEscaped: bool,
  Image: text,
  Volumes: map(emptyStruct),
  WorkingDir: text,
  Entrypoint: words,
  NetworkDisabled: bool,
  MacAddress: text,
  OnBuild: texts,
  Labels: textMap,
  StopSignal: text,
  StopTimeout: int("int"),
  Shell: words,
};

const throttle = list(struct("blkiodev.ThrottleDevice", { Path: text, Rate: int("uint64") }), { pointers: true });
const resourcesFields: Record<string, Shape> = {
  CpuShares: int(),
  Memory: int(),
  NanoCpus: int(),
  CgroupParent: text,
  BlkioWeight: int("uint16"),
  BlkioWeightDevice: list(struct("blkiodev.WeightDevice", { Path: text, Weight: int("uint16") }), { pointers: true }),
  BlkioDeviceReadBps: throttle,
  BlkioDeviceWriteBps: throttle,
  BlkioDeviceReadIOps: throttle,
  BlkioDeviceWriteIOps: throttle,
  CpuPeriod: int(),
  CpuQuota: int(),
  CpuRealtimePeriod: int(),
  CpuRealtimeRuntime: int(),
  CpusetCpus: text,
  CpusetMems: text,
  Devices: list(
    struct("container.DeviceMapping", { PathOnHost: text, PathInContainer: text, CgroupPermissions: text }),
  ),
  DeviceCgroupRules: texts,
  DeviceRequests: list(
    struct("container.DeviceRequest", {
      Driver: text,
      Count: int("int"),
      DeviceIDs: texts,
      Capabilities: list(texts),
      Options: textMap,
    }),
  ),
  MemoryReservation: int(),
  MemorySwap: int(),
  MemorySwappiness: int(),
  OomKillDisable: bool,
  PidsLimit: int(),
  Ulimits: list(struct("units.Ulimit", { Name: text, Soft: int(), Hard: int() }), { pointers: true }),
  CpuCount: int(),
  CpuPercent: int(),
  IOMaximumIOps: int("uint64"),
  IOMaximumBandwidth: int("uint64"),
};

const restartPolicy = struct("container.RestartPolicy", {
  Name: namedText("container.RestartPolicyMode"),
  MaximumRetryCount: int("int"),
});

const mount = struct("mount.Mount", {
  Type: namedText("mount.Type"),
  Source: text,
  Target: text,
  ReadOnly: bool,
  Consistency: namedText("mount.Consistency"),
  BindOptions: struct("mount.BindOptions", {
    Propagation: namedText("mount.Propagation"),
    NonRecursive: bool,
    CreateMountpoint: bool,
    ReadOnlyNonRecursive: bool,
    ReadOnlyForceRecursive: bool,
  }),
  VolumeOptions: struct("mount.VolumeOptions", {
    NoCopy: bool,
    Labels: textMap,
    Subpath: text,
    DriverConfig: struct("mount.Driver", { Name: text, Options: textMap }),
  }),
  ImageOptions: struct("mount.ImageOptions", { Subpath: text }),
  TmpfsOptions: struct("mount.TmpfsOptions", { SizeBytes: int(), Mode: int("fs.FileMode"), Options: list(texts) }),
  ClusterOptions: any,
});

const hostConfig = struct("container.HostConfig", {
  Binds: texts,
  ContainerIDFile: text,
  LogConfig: struct("container.LogConfig", { Type: text, Config: textMap }),
  NetworkMode: namedText("container.NetworkMode"),
  PortBindings: map(list(struct("nat.PortBinding", { HostIp: text, HostPort: text })), { go: "nat.PortMap" }),
  RestartPolicy: restartPolicy,
  AutoRemove: bool,
  VolumeDriver: text,
  VolumesFrom: texts,
  ConsoleSize: list(int("uint"), { length: 2 }),
  Annotations: textMap,
  CapAdd: words,
  CapDrop: words,
  CgroupnsMode: namedText("container.CgroupnsMode"),
  Dns: texts,
  DnsOptions: texts,
  DnsSearch: texts,
  ExtraHosts: texts,
  GroupAdd: texts,
  IpcMode: namedText("container.IpcMode"),
  Cgroup: namedText("container.CgroupSpec"),
  Links: texts,
  OomScoreAdj: int("int"),
  PidMode: namedText("container.PidMode"),
  Privileged: bool,
  PublishAllPorts: bool,
  ReadonlyRootfs: bool,
  SecurityOpt: texts,
  StorageOpt: textMap,
  Tmpfs: textMap,
  UTSMode: namedText("container.UTSMode"),
  UsernsMode: namedText("container.UsernsMode"),
  ShmSize: int(),
  Sysctls: textMap,
  Runtime: text,
  Isolation: namedText("container.Isolation"),
  Mounts: list(mount),
  MaskedPaths: texts,
  ReadonlyPaths: texts,
  Init: bool,
  ...resourcesFields,
});

const endpointSettings = struct("network.EndpointSettings", {
  IPAMConfig: struct("network.EndpointIPAMConfig", { IPv4Address: text, IPv6Address: text, LinkLocalIPs: texts }),
  Links: texts,
  Aliases: texts,
  MacAddress: text,
  DriverOpts: textMap,
  GwPriority: int("int"),
  NetworkID: text,
  EndpointID: text,
  Gateway: text,
  IPAddress: text,
  IPPrefixLen: int("int"),
  IPv6Gateway: text,
  GlobalIPv6Address: text,
  GlobalIPv6PrefixLen: int("int"),
  DNSNames: texts,
});

/** Docker decodes this one into an unnamed wrapper, but names it when the whole value is wrong. */
export const containerCreateShape = struct(
  "container.CreateRequest",
  {
    ...containerConfigFields,
    HostConfig: hostConfig,
    NetworkingConfig: struct("network.NetworkingConfig", {
      EndpointsConfig: map(endpointSettings, { pointers: true }),
    }),
  },
  "",
);
/** Of commit: read by the same code as a request to create. */
export const containerConfigShape = struct("container.CreateRequest", containerConfigFields, "");
export const containerUpdateShape = struct("container.UpdateConfig", {
  ...resourcesFields,
  RestartPolicy: restartPolicy,
});
export const execCreateShape = struct("container.ExecOptions", {
  User: text,
  Privileged: bool,
  Tty: bool,
  ConsoleSize: list(int("uint"), { length: 2 }),
  AttachStdin: bool,
  AttachStderr: bool,
  AttachStdout: bool,
  DetachKeys: text,
  Env: texts,
  WorkingDir: text,
  Cmd: texts,
});
export const execStartShape = struct("container.ExecStartOptions", {
  Detach: bool,
  Tty: bool,
  ConsoleSize: list(int("uint"), { length: 2 }),
});
export const networkCreateShape = struct("network.CreateRequest", {
  Name: text,
  CheckDuplicate: bool,
  Driver: text,
  Scope: text,
  EnableIPv4: bool,
  EnableIPv6: bool,
  IPAM: struct("network.IPAM", {
    Driver: text,
    Options: textMap,
    Config: list(
      struct("network.IPAMConfig", { Subnet: text, IPRange: text, Gateway: text, AuxiliaryAddresses: textMap }),
    ),
  }),
  Internal: bool,
  Attachable: bool,
  Ingress: bool,
  ConfigOnly: bool,
  ConfigFrom: struct("network.ConfigReference", { Network: text }),
  Options: textMap,
  Labels: textMap,
});
export const networkConnectShape = struct("network.ConnectOptions", {
  Container: text,
  EndpointConfig: endpointSettings,
});
export const networkDisconnectShape = struct("network.DisconnectOptions", { Container: text, Force: bool });
export const volumeCreateShape = struct("volume.CreateOptions", {
  ClusterVolumeSpec: any,
  Driver: text,
  DriverOpts: textMap,
  Labels: textMap,
  Name: text,
});
export const authConfigShape = struct("registry.AuthConfig", {
  username: text,
  password: text,
  auth: text,
  email: text,
  serveraddress: text,
  identitytoken: text,
  registrytoken: text,
});

export const clusterSettingsShape = struct("cluster.Settings", {
  listen: text,
  store: text,
  nodeName: text,
  serviceCidr: text,
  ingressHttp: text,
  ingressHttps: text,
  maxContainerRestartPeriod: text,
  auditPolicyFile: text,
  auditLogPath: text,
  auditLogMaxsize: int("int"),
  auditLogMaxbackup: int("int"),
});

export const simulationShape = struct("cluster.Simulation", {
  nodes: int("int"),
  cpu: text,
  memory: text,
  pods: int("int"),
  open: bool,
});

export const imageVerifyShape = struct("image.VerifyRequest", { Images: texts });

export const imageBootstrapShape = struct("image.BootstrapRequest", {
  Suite: text,
  Tag: text,
  Include: texts,
  Arch: text,
  Mirror: text,
  Cmd: texts,
  Entrypoint: texts,
  Env: texts,
});
