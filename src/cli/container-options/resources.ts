import type { DeviceMapping, DeviceRequest, ThrottleDevice, Ulimit, WeightDevice } from "../../model/container.ts";
import { csvFields, cut } from "../csv.ts";
import { parseGoInteger } from "../flag-types.ts";
import { parseByteSize } from "../units.ts";

const ULIMITS = "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
  " ",
);

const parseInt64 = (text: string) => parseGoInteger(text, "ParseInt", -(2n ** 63n), 2n ** 63n - 1n);

/** Adds one `--ulimit NAME=SOFT[:HARD]`; a later value of a name replaces the former. */
export function addUlimit(text: string, current: Ulimit[]): Ulimit[] {
  const [Name, value] = cut(text, "=");
  if (value === undefined) throw new Error(`invalid ulimit argument: ${text}`);
  if (!ULIMITS.includes(Name)) throw new Error(`invalid ulimit type: ${Name}`);
  const limits = value.split(":");
  if (limits.length > 2) {
    throw new Error(`too many limit value arguments - ${value}, can only have up to two, \`soft[:hard]\``);
  }
  const [Soft = 0, Hard = Soft] = limits.map(parseInt64);
  if (Hard !== -1 && Soft === -1) {
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: ${Hard}`);
  }
  if (Hard !== -1 && Soft > Hard) {
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
  }
  const others = current.filter((ulimit) => ulimit.Name !== Name);
  return [...others, { Name, Hard, Soft }].sort((a, b) => (a.Name < b.Name ? -1 : 1));
}

function devicePath(text: string): [path: string, value: string] {
  const [path, value] = cut(text, ":");
  if (value === undefined) throw new Error(`bad format: ${text}`);
  if (!path.startsWith("/dev/")) throw new Error(`bad format for device path: ${text}`);
  return [path, value];
}

/** Adds one `--blkio-weight-device PATH:WEIGHT`. */
export function addWeightDevice(text: string, current: WeightDevice[]): WeightDevice[] {
  const [Path, value] = devicePath(text);
  const Weight = Number(value);
  const isValid = /^\d+$/.test(value) && (Weight === 0 || (Weight >= 10 && Weight <= 1000));
  if (!isValid) throw new Error(`invalid weight for device: ${text}`);
  return [...current, { Path, Weight }];
}

/** Adds one `--device-read-bps PATH:RATE` and its like; the rate may have a unit. */
export function addByteRate(text: string, current: ThrottleDevice[]): ThrottleDevice[] {
  const [Path, value] = devicePath(text);
  let Rate = -1;
  try {
    Rate = parseByteSize(value);
  } catch {
    // told below, in docker's words
  }
  if (Rate < 0) {
    throw new Error(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`,
    );
  }
  return [...current, { Path, Rate }];
}

/** Adds one `--device-read-iops PATH:RATE` and its like. */
export function addCountRate(text: string, current: ThrottleDevice[]): ThrottleDevice[] {
  const [Path, value] = devicePath(text);
  if (!/^\d+$/.test(value)) {
    throw new Error(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>. Number must be a positive integer`,
    );
  }
  return [...current, { Path, Rate: Number(value) }];
}

/** True for the name of a device of the Container Device Interface: `vendor.com/class=name`. */
export function isCdiDevice(text: string): boolean {
  return /^[A-Za-z]([\w.-]*[A-Za-z0-9])?\/[A-Za-z]([\w-]*[A-Za-z0-9])?=[A-Za-z0-9]([\w.:-]*[A-Za-z0-9])?$/.test(text);
}

/** Reads one `--device HOST[:CONTAINER][:MODE]`. */
export function parseDevice(text: string): DeviceMapping {
  const parts = text.split(":");
  const [host = "", second, mode] = parts;
  if (parts.length > 3 || host === "") throw new Error(`bad format for path: ${text}`);
  const secondIsMode = parts.length === 2 && isDeviceMode(second!);
  if (parts.length === 3 && !isDeviceMode(mode!)) throw new Error(`bad mode specified: ${mode}`);
  const inside = second === undefined || secondIsMode ? host : second;
  if (!inside.startsWith("/")) throw new Error(`${inside} is not an absolute path`);
  return {
    PathOnHost: host,
    PathInContainer: inside,
    CgroupPermissions: (secondIsMode ? second : mode) || "rwm",
  };
}

function isDeviceMode(text: string): boolean {
  return /^[rwm]+$/.test(text) && new Set(text).size === text.length;
}

/** Reads `--gpus`: a count, `all`, or fields such as `device=0,driver=nvidia`. */
export function parseGpus(text: string, current: DeviceRequest[]): DeviceRequest[] {
  const request: DeviceRequest = { Driver: "", Count: 0, DeviceIDs: null, Capabilities: [["gpu"]], Options: {} };
  const seen = new Set<string>();
  for (const field of csvFields(text)) {
    const [name, value] = cut(field, "=");
    if (seen.has(name)) throw new Error(`gpu request key '${name}' can be specified only once`);
    seen.add(name);
    if (value === undefined) {
      seen.add("count");
      request.Count = parseGpuCount(name);
    } else setGpuField(request, name, value, field);
  }
  if (!seen.has("count") && request.DeviceIDs === null) request.Count = 1;
  return [...current, request];
}

function setGpuField(request: DeviceRequest, key: string, value: string, field: string): void {
  if (key === "driver") request.Driver = value;
  else if (key === "count") request.Count = parseGpuCount(value);
  else if (key === "device") request.DeviceIDs = value.split(",");
  else if (key === "capabilities") request.Capabilities = [[...value.split(","), "gpu"]];
  else if (key === "options") {
    request.Options = Object.fromEntries(csvFields(value).map((option) => cut(option, "=").map((part) => part ?? "")));
  } else throw new Error(`unexpected key '${key}' in '${field}'`);
}

function parseGpuCount(text: string): number {
  if (text === "all") return -1;
  if (!/^[+-]?\d+$/.test(text)) {
    throw new Error(`invalid count (${text}): value must be either "all" or an integer: invalid syntax`);
  }
  return Number(text);
}

/** Reads `--cpus`, a decimal or a fraction, as billionths of a CPU. */
export function parseCpus(text: string): number {
  const match = /^([+-]?\d*\.?\d*(?:[eE][+-]?\d+)?)(?:\/(\d+))?$/.exec(text);
  const value = match && /\d/.test(match[1]!) ? Number(match[1]) / Number(match[2] ?? 1) : Number.NaN;
  if (Number.isNaN(value)) throw new Error(`failed to parse ${text} as a rational number`);
  const billionths = value * 1e9;
  const rounded = Math.round(billionths);
  if (Math.abs(billionths - rounded) > 1e-6 * Math.max(1, Math.abs(rounded) / 1e9))
    throw new Error("value is too precise");
  return rounded;
}

const SYSCTLS = "msgmax msgmnb msgmni sem shmall shmmax shmmni shm_rmid_forced"
  .split(" ")
  .map((name) => `kernel.${name}`);

/** Checks one `--sysctl NAME=VALUE` against what has a namespace. */
export function checkSysctl(text: string): string {
  const [name, value] = cut(text, "=");
  const isKnown = SYSCTLS.includes(name) || name.startsWith("net.") || name.startsWith("fs.mqueue.");
  if (value === undefined || !isKnown) throw new Error(`sysctl '${text}' is not allowed`);
  return text;
}

/** Checks one `--device-cgroup-rule`. */
export function checkDeviceRule(text: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) {
    throw new Error(`invalid device cgroup format '${text}'`);
  }
  return text;
}
