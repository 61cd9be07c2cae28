import { GoNil, GoStruct, GoTime, type GoValue, isMap, sortedKeys } from "../lib/go-template/values.ts";

/** Entries of the daemon's JSON that are maps in docker's types; every other object is a struct. */
const MAPS = new Set([
  "Annotations",
  "AuxiliaryAddresses",
  "Containers",
  "Data",
  "DriverOpts",
  "ExposedPorts",
  "Labels",
  "Networks",
  "Options",
  "PortBindings",
  "Ports",
  "Runtimes",
  "Status",
  "StorageOpt",
  "Sysctls",
  "Tmpfs",
  "Volumes",
]);

/** Entries that are pointers in docker's types, and print as `<nil>` when they are null. Other nulls are slices. */
const POINTERS = new Set([
  "Healthcheck",
  "IPAMConfig",
  "Init",
  "MemorySwappiness",
  "NetworkMode",
  "OomKillDisable",
  "PidsLimit",
  "StopTimeout",
  "UsageData",
]);

/** Entries that are times in docker's types, by the kind of object; elsewhere times are plain text. */
const TIMES: Record<string, readonly string[]> = { network: ["Created"], image: ["LastTagTime"] };

const nil = (kind: "slice" | "map" | "pointer") => () => new GoNil(kind);
const noText = () => "";
const zero = () => 0;
const no = () => false;

/** Fields that the daemon leaves out of its JSON while they are empty: their empty values, by where they belong. */
const LEFT_OUT: Record<string, Record<string, () => GoValue>> = {
  State: { Health: nil("pointer") },
  Server: { Experimental: no },
  Config: {
    ArgsEscaped: no,
    ExposedPorts: nil("map"),
    Healthcheck: nil("pointer"),
    MacAddress: noText,
    NetworkDisabled: no,
    Shell: nil("slice"),
    StopSignal: noText,
    StopTimeout: nil("pointer"),
  },
  HostConfig: {
    Annotations: nil("map"),
    Init: nil("pointer"),
    KernelMemory: zero,
    KernelMemoryTCP: zero,
    Mounts: nil("slice"),
    StorageOpt: nil("map"),
    Sysctls: nil("map"),
    Tmpfs: nil("map"),
  },
  "container.": { ImageManifestDescriptor: nil("pointer"), SizeRw: nil("pointer"), SizeRootFs: nil("pointer") },
  "image.": {
    Container: noText,
    ContainerConfig: nil("pointer"),
    Manifests: nil("slice"),
    OsVersion: noText,
    Variant: noText,
    VirtualSize: zero,
  },
  "network.": { Peers: nil("slice"), Services: nil("map") },
  "volume.": { ClusterVolume: nil("pointer"), UsageData: nil("pointer"), Status: nil("map") },
  "Mounts[]": { Name: noText, Driver: noText },
  "Config[]": { Subnet: noText, IPRange: noText, Gateway: noText, AuxiliaryAddresses: nil("map") },
};

/** Fields that docker's types call otherwise than its JSON, by where they belong: templates know both names. */
const GO_NAMES: Record<string, Readonly<Record<string, string>>> = {
  "container.": { ID: "Id" },
  "image.": { ID: "Id" },
  "network.": { ID: "Id" },
  "system.": {
    CPUCfsPeriod: "CpuCfsPeriod",
    CPUCfsQuota: "CpuCfsQuota",
    HTTPProxy: "HttpProxy",
    HTTPSProxy: "HttpsProxy",
  },
  Client: { APIVersion: "ApiVersion" },
  Server: { APIVersion: "ApiVersion" },
  HostConfig: {
    CPUCount: "CpuCount",
    CPUPercent: "CpuPercent",
    CPUPeriod: "CpuPeriod",
    CPUQuota: "CpuQuota",
    CPURealtimePeriod: "CpuRealtimePeriod",
    CPURealtimeRuntime: "CpuRealtimeRuntime",
    CPUShares: "CpuShares",
    DNS: "Dns",
    DNSOptions: "DnsOptions",
    DNSSearch: "DnsSearch",
    NanoCPUs: "NanoCpus",
  },
};

/** The order of fields where those left out stand between others. */
const ORDER: Record<string, readonly string[]> = {
  "Mounts[]": ["Type", "Name", "Source", "Destination", "Driver"],
  "Config[]": ["Subnet", "IPRange", "Gateway", "AuxiliaryAddresses"],
};

/**
 * An object of the daemon's JSON as docker's own types show it to templates: null slices print as `[]`, absent pointers
 * as `<nil>`, structs as `{…}`. `kind` matters where types differ.
 */
export function typedView(json: GoValue, kind: string, key = ""): GoValue {
  if (json === null) return new GoNil(MAPS.has(key) ? "map" : POINTERS.has(key) ? "pointer" : "slice");
  if (Array.isArray(json)) return json.map((item) => typedView(item, kind, `${key}[]`));
  if (typeof json === "string" && TIMES[kind]?.includes(key)) return new GoTime(json);
  if (!isMap(json)) return json;
  // a LogConfig's Config is a map too, but those of containers and images are structs
  if (MAPS.has(key) || (key === "Config" && Object.values(json).every((value) => typeof value === "string"))) {
    return Object.fromEntries(sortedKeys(json).map((name) => [name, typedView(json[name], kind, "{}")]));
  }
  return structView(json, kind, key);
}

function structView(json: Record<string, GoValue>, kind: string, key: string): GoStruct {
  const place = key === "" ? `${kind}.` : key;
  const leftOut = LEFT_OUT[place] ?? {};
  const absent = new Set(Object.keys(leftOut).filter((name) => !Object.hasOwn(json, name)));
  const names = new Set([...(ORDER[place] ?? []), ...Object.keys(json), ...absent]);
  const fields: Record<string, GoValue> = {};
  for (const name of names) {
    if (absent.has(name)) fields[name] = leftOut[name]!();
    else if (Object.hasOwn(json, name)) fields[name] = typedView(json[name], kind, name);
  }
  return new GoStruct(`${kind}.${key}`, fields, absent, GO_NAMES[place]);
}
