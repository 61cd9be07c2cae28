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

/** Fields that the daemon leaves out of its JSON while they are empty: their empty values, by where they belong. */
const LEFT_OUT: Record<string, Record<string, () => GoValue>> = {
  State: { Health: () => new GoNil("pointer") },
  Config: { Healthcheck: () => new GoNil("pointer"), StopTimeout: () => new GoNil("pointer"), StopSignal: () => "" },
  HostConfig: { Init: () => new GoNil("pointer") },
  "container.": { SizeRw: () => new GoNil("pointer"), SizeRootFs: () => new GoNil("pointer") },
  "volume.": { UsageData: () => new GoNil("pointer"), Status: () => new GoNil("map") },
  "Mounts[]": { Name: () => "", Driver: () => "" },
  "Config[]": {
    Subnet: () => "",
    IPRange: () => "",
    Gateway: () => "",
    AuxiliaryAddresses: () => new GoNil("map"),
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
  return new GoStruct(`${kind}.${key}`, fields, absent);
}
