import { resolve } from "node:path";
import { csvFields, cut } from "../csv.ts";
import { parseGoBool } from "../go-bool.ts";
import { parseByteSize } from "../units.ts";

/** A mount as the API takes it. */
export interface MountSpec {
  Type: string;
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: {
    Propagation?: string;
    NonRecursive?: boolean;
    ReadOnlyNonRecursive?: boolean;
    ReadOnlyForceRecursive?: boolean;
  };
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: Record<string, string>;
    Subpath?: string;
    DriverConfig: { Name?: string; Options?: Record<string, string> };
  };
  ImageOptions?: { Subpath?: string };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number };
}

type Setter = (mount: MountSpec, value: string, key: string) => void;

const bind = (mount: MountSpec) => (mount.BindOptions ??= {});
const volume = (mount: MountSpec) => (mount.VolumeOptions ??= { DriverConfig: {} });
const tmpfs = (mount: MountSpec) => (mount.TmpfsOptions ??= {});

/** What each key of `--mount` sets. A key that may stand alone means `true` then. */
const SETTERS: Record<string, Setter> = {
  type: (mount, value) => {
    mount.Type = value.toLowerCase();
  },
  source: (mount, value) => {
    mount.Source = value.startsWith(".") ? resolve(value) : value;
  },
  target: (mount, value) => {
    mount.Target = value;
  },
  readonly: (mount, value, key) => {
    mount.ReadOnly = setting(key, value, parseGoBool);
  },
  consistency: (mount, value) => {
    mount.Consistency = value.toLowerCase();
  },
  "bind-propagation": (mount, value) => {
    bind(mount).Propagation = value.toLowerCase();
  },
  "bind-nonrecursive": (mount, value, key) => {
    bind(mount).NonRecursive = setting(key, value, parseGoBool);
  },
  "bind-recursive": (mount, value, key) => setRecursion(mount, value, key),
  "volume-subpath": (mount, value) => {
    volume(mount).Subpath = value;
  },
  "volume-nocopy": (mount, value, key) => {
    volume(mount).NoCopy = setting(key, value, parseGoBool);
  },
  "volume-label": (mount, value) => {
    const options = volume(mount);
    options.Labels = { ...options.Labels, ...pair(value) };
  },
  "volume-driver": (mount, value) => {
    volume(mount).DriverConfig.Name = value;
  },
  "volume-opt": (mount, value) => {
    const { DriverConfig } = volume(mount);
    DriverConfig.Options = { ...DriverConfig.Options, ...pair(value) };
  },
  "image-subpath": (mount, value) => {
    mount.ImageOptions = { Subpath: value };
  },
  "tmpfs-size": (mount, value, key) => {
    tmpfs(mount).SizeBytes = setting(key, value, parseByteSize);
  },
  "tmpfs-mode": (mount, value, key) => {
    tmpfs(mount).Mode = setting(key, value, parseOctal);
  },
};
SETTERS.src = SETTERS.source!;
SETTERS.dst = SETTERS.target!;
SETTERS.destination = SETTERS.target!;
SETTERS.ro = SETTERS.readonly!;

const STAND_ALONE = new Set(["readonly", "ro", "volume-nocopy", "bind-nonrecursive"]);

/** Reads the value of one `--mount`. Throws an Error with docker's words. */
export function parseMount(text: string): MountSpec {
  const mount: MountSpec = { Type: "volume" };
  for (const field of csvFields(text)) {
    const [name, value] = cut(field, "=");
    const key = name.toLowerCase();
    if (value === undefined && !STAND_ALONE.has(key))
      throw new Error(`invalid field '${field}' must be a key=value pair`);
    const set = SETTERS[key];
    if (!set) throw new Error(`unexpected key '${key}' in '${field}'`);
    set(mount, value ?? "true", key);
  }
  checkMount(mount);
  return withoutFalse(mount);
}

function checkMount(mount: MountSpec): void {
  const { Type, BindOptions, ReadOnly } = mount;
  if (Type === "") throw new Error("type is required");
  if (!mount.Target) throw new Error("target is required");
  const groups = {
    volume: mount.VolumeOptions,
    bind: BindOptions,
    image: mount.ImageOptions,
    tmpfs: mount.TmpfsOptions,
  };
  for (const [group, options] of Object.entries(groups)) {
    if (options && Type !== group) throw new Error(`cannot mix '${group}-*' options with mount type '${Type}'`);
  }
  if (BindOptions?.ReadOnlyNonRecursive && !ReadOnly) {
    throw new Error("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction");
  }
  if (!BindOptions?.ReadOnlyForceRecursive) return;
  if (!ReadOnly) throw new Error("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
  if (BindOptions.Propagation !== "rprivate") {
    throw new Error(
      "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
    );
  }
}

function setRecursion(mount: MountSpec, value: string, key: string): void {
  if (value === "enabled") return; // what the daemon does anyway
  if (value === "disabled") bind(mount).NonRecursive = true;
  else if (value === "writable") bind(mount).ReadOnlyNonRecursive = true;
  else if (value === "readonly") bind(mount).ReadOnlyForceRecursive = true;
  else {
    throw new Error(`invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`);
  }
}

function setting<T>(key: string, value: string, parse: (text: string) => T): T {
  try {
    return parse(value);
  } catch {
    throw new Error(`invalid value for ${key}: ${value}`);
  }
}

function parseOctal(text: string): number {
  if (!/^[0-7]+$/.test(text)) throw new Error("no octal number");
  return Number.parseInt(text, 8);
}

function pair(text: string): Record<string, string> {
  const [key, value] = cut(text, "=");
  return { [key]: value ?? "" };
}

/** Docker's client leaves out settings that are false or empty. */
function withoutFalse<T extends object>(value: T): T {
  const kept = Object.entries(value).filter(([, item]) => item !== false && item !== "" && item !== 0);
  return Object.fromEntries(kept) as T;
}
