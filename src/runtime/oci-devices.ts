/** Device nodes of a container and the rules of its device cgroup: `--device`, `--device-cgroup-rule`, privileged. */
import type { Stats } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import type { DeviceMapping, HostConfig } from "../model/container.ts";
import type { OciDevice, OciDeviceRule } from "./oci-spec.ts";

export interface ContainerDevices {
  nodes: OciDevice[];
  rules: OciDeviceRule[];
}

/** All is forbidden first; the runtime itself then allows the harmless devices that every container has. */
const DENY_ALL: OciDeviceRule = { allow: false, access: "rwm" };
/** Who may set up interfaces may make /dev/net/tun too: Docker's runtime allows that device to every container. */
const ALLOW_TUN: OciDeviceRule = { allow: true, type: "c", major: 10, minor: 200, access: "rwm" };
const ALLOW_ALL: OciDeviceRule = { allow: true, access: "rwm" };
const RULE = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/;
/** Directories and nodes of the host's /dev that belong to a container's own /dev. */
const NOT_HOST_DEVICES = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"]);

type DeviceRequest = Pick<HostConfig, "Privileged" | "Devices" | "DeviceCgroupRules">;

/** @throws {NaruError} internal, in Docker's words: not a device, no such file, bad rule. */
export async function containerDevices(request: DeviceRequest): Promise<ContainerDevices> {
  if (request.Privileged) return privilegedDevices(request.Devices ?? []);
  const nodes: OciDevice[] = [];
  const rules = [DENY_ALL, ALLOW_TUN];
  for (const mapping of request.Devices ?? []) {
    const found = await devicesFromPath(mapping);
    nodes.push(...found);
    const access = mapping.CgroupPermissions || "rwm";
    rules.push(...found.map(({ type, major, minor }) => ({ allow: true, type, major, minor, access })));
  }
  rules.push(...(request.DeviceCgroupRules ?? []).map(parseRule));
  return { nodes, rules };
}

async function privilegedDevices(mappings: DeviceMapping[]): Promise<ContainerDevices> {
  const nodes = await listDevices("/dev");
  const taken = new Set(nodes.map(({ path }) => path));
  // The host's own nodes are all there; only new names are added.
  for (const mapping of mappings) {
    const found = await devicesFromPath(mapping);
    nodes.push(...found.filter(({ path }) => !taken.has(path)));
  }
  return { nodes, rules: [DENY_ALL, ALLOW_ALL] };
}

function parseRule(text: string): OciDeviceRule {
  const [, type, major, minor, access = ""] = RULE.exec(text) ?? [];
  if (type === undefined) throw new NaruError("internal", `invalid device cgroup rule format: '${text}'`);
  // What is absent stands for all numbers: crun hands a -1 to cgroup v1 as it is, and the kernel refuses it.
  const number = (digits: string | undefined) => (digits === "*" ? undefined : Number(digits));
  return { allow: true, type, major: number(major), minor: number(minor), access };
}

/** One device, or those in a directory. */
async function devicesFromPath({ PathOnHost, PathInContainer }: DeviceMapping): Promise<OciDevice[]> {
  const complain = (why: string) =>
    new NaruError("internal", `error gathering device information while adding custom device "${PathOnHost}": ${why}`);
  let source: string;
  let status: Stats;
  try {
    source = await realpath(PathOnHost);
    status = await stat(source);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw complain(code === "ENOENT" ? "no such file or directory" : message);
  }
  const target = PathInContainer || PathOnHost;
  const single = deviceAt(target, status);
  if (single) return [single];
  const found = status.isDirectory() ? await listDevices(source) : [];
  if (found.length === 0) throw complain("not a device node");
  return found.map((device) => ({ ...device, path: target + device.path.slice(source.length) }));
}

/** Devices below a directory in the order of their names, as a walk through it meets them. */
async function listDevices(directory: string): Promise<OciDevice[]> {
  const entries = (await readdir(directory)).filter((name) => !NOT_HOST_DEVICES.has(name)).sort();
  const found = await Promise.all(
    entries.map(async (name) => {
      const path = join(directory, name);
      const status = await lstat(path).catch(() => undefined);
      if (!status) return [];
      if (status.isDirectory()) return listDevices(path).catch(() => []);
      return [deviceAt(path, status)].filter((device) => device !== undefined);
    }),
  );
  return found.flat();
}

function deviceAt(path: string, status: Stats): OciDevice | undefined {
  if (!status.isCharacterDevice() && !status.isBlockDevice()) return undefined;
  return {
    path,
    type: status.isBlockDevice() ? "b" : "c",
    ...deviceNumbers(status.rdev),
    fileMode: status.mode & 0o777,
    uid: status.uid,
    gid: status.gid,
  };
}

/** A device number as stat(2) gives it, in its two parts; see makedev(3). */
export function deviceNumbers(rdev: number): { major: number; minor: number } {
  const device = BigInt(rdev);
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}
