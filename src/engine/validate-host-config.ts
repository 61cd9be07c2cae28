/** Checks of the part of a container's configuration that depends on the host, with Docker's words. */
import { isIP } from "node:net";
import { NaruError } from "../lib/errors.ts";
import type { HostConfig, PortMap, RestartPolicy } from "../model/container.ts";

function refuse(message: string): never {
  throw new NaruError("invalid", message);
}

const CAPABILITIES = new Set(
  (
    "ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE " +
    "DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD " +
    "NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN " +
    "SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM"
  ).split(" "),
);
const KNOWN_RUNTIMES = new Set(["", "runc", "crun", "io.containerd.runc.v2"]);

/** @throws {NaruError} invalid */
export function validateRestartPolicy(policy: RestartPolicy): void {
  const count = policy.MaximumRetryCount ?? 0;
  if (!["", "no", "always", "unless-stopped", "on-failure"].includes(policy.Name)) {
    refuse(
      `invalid restart policy: unknown policy '${policy.Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  if (policy.Name !== "on-failure" && count !== 0) {
    refuse(
      `invalid restart policy: maximum retry count can only be used with 'on-failure'${count < 0 ? " and cannot be negative" : ""}`,
    );
  }
  if (count < 0) refuse("invalid restart policy: maximum retry count cannot be negative");
}

/** All checks that need nothing but the request. @throws {NaruError} */
export function validateHostConfig(host: HostConfig): void {
  if (host.RestartPolicy) validateRestartPolicy(host.RestartPolicy);
  const policy = host.RestartPolicy?.Name ?? "";
  if (host.AutoRemove && policy !== "" && policy !== "no") {
    refuse("can't create 'AutoRemove' container with restart policy");
  }
  checkModes(host);
  checkPorts(host.PortBindings ?? {});
  for (const entry of host.ExtraHosts ?? []) checkExtraHost(entry);
  checkCapabilities("CapAdd", host.CapAdd);
  checkCapabilities("CapDrop", host.CapDrop);
  for (const option of host.SecurityOpt ?? []) checkSecurityOption(option);
  if ((host.OomScoreAdj ?? 0) < -1000 || (host.OomScoreAdj ?? 0) > 1000) {
    refuse(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
  if ((host.ShmSize ?? 0) < 0) refuse("SHM size can not be less than 0");
  if (host.Isolation && host.Isolation !== "default") {
    refuse(`invalid isolation (${host.Isolation}): linux only supports 'default'`);
  }
  if (!KNOWN_RUNTIMES.has(host.Runtime ?? "")) refuse(`unknown or invalid runtime name: ${host.Runtime}`);
  if (Object.hasOwn(host.Annotations ?? {}, "")) {
    refuse("invalid Annotations: the empty string is not permitted as an annotation key");
  }
  if (Object.keys(host.StorageOpt ?? {}).length > 0) {
    const unknown = Object.keys(host.StorageOpt ?? {}).find((name) => name.toLowerCase() !== "size");
    if (unknown !== undefined) throw new NaruError("internal", `Unknown option ${unknown}`);
    throw new NaruError("internal", "--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
  }
  checkUnsupported(host);
}

/** What this engine cannot do is refused instead of being ignored. */
function checkUnsupported(host: HostConfig): void {
  if (host.IOMaximumIOps) refuse("invalid option: QoS maximum IOPs configuration is not supported on linux");
  if (host.IOMaximumBandwidth) refuse("invalid option: QoS maximum bandwidth configuration is not supported on linux");
  if (host.UsernsMode && host.UsernsMode !== "host") refuse(`invalid user namespace mode: ${host.UsernsMode}`);
  if (host.DeviceRequests?.length) {
    const { Driver, Capabilities } = host.DeviceRequests[0]!;
    const wished = (Capabilities ?? []).map((set) => `[${set.join(" ")}]`).join(" ");
    refuse(
      `could not select device driver "${Driver ?? ""}" with capabilities: [${wished}]; ` +
        "pass the device files with --device instead",
    );
  }
  if (host.VolumeDriver && host.VolumeDriver !== "local") {
    throw new NaruError(
      "not-found",
      `error looking up volume plugin ${host.VolumeDriver}: plugin "${host.VolumeDriver}" not found`,
    );
  }
}

function checkModes(host: HostConfig): void {
  if (host.NetworkMode === "container:") {
    refuse("invalid network mode: invalid container format container:<name|id>");
  }
  const ipc = host.IpcMode ?? "";
  if (!["", "none", "private", "shareable", "host"].includes(ipc) && !/^container:./.test(ipc)) {
    refuse(`invalid IPC mode: ${ipc}`);
  }
  const pid = host.PidMode ?? "";
  if (pid !== "" && pid !== "host" && !/^container:./.test(pid)) refuse(`invalid PID mode: ${pid}`);
  if (!["", "host"].includes(host.UTSMode ?? "")) refuse(`invalid UTS mode: ${host.UTSMode}`);
  if (!["", "private", "host"].includes(host.CgroupnsMode ?? "")) {
    refuse(`invalid cgroup namespace mode: ${host.CgroupnsMode}`);
  }
}

function checkPorts(bindings: PortMap): void {
  for (const [port, targets] of Object.entries(bindings)) {
    checkPort(port.split("/")[0]!);
    for (const { HostPort } of targets ?? []) checkPortOrRange(HostPort ?? "");
  }
}

function checkPort(text: string): void {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) refuse(`invalid port specification: ${JSON.stringify(text)}`);
}

function checkPortOrRange(text: string): void {
  if (text === "") return;
  const parts = text.split("-");
  const isGood = parts.length <= 2 && parts.every((part) => /^\d{1,5}$/.test(part) && Number(part) <= 65535);
  if (!isGood || Number(parts[1] ?? parts[0]) < Number(parts[0])) {
    refuse(`invalid port specification: ${JSON.stringify(text)}`);
  }
}

function checkExtraHost(entry: string): void {
  const at = entry.indexOf(":");
  if (at <= 0) refuse(`bad format for add-host: ${JSON.stringify(entry)}`);
  const address = entry.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  if (address !== "host-gateway" && isIP(address) === 0) {
    refuse(`invalid IP address in add-host: ${JSON.stringify(entry.slice(at + 1))}`);
  }
}

function checkCapabilities(option: string, names: string[] | null | undefined): void {
  for (const name of names ?? []) {
    const plain = name.toUpperCase().replace(/^CAP_/, "");
    if (!CAPABILITIES.has(plain)) refuse(`invalid ${option}: unknown capability: "CAP_${plain}"`);
  }
}

function checkSecurityOption(option: string): void {
  if (option === "no-new-privileges" || option === "disable") return;
  const [name, value] = option.includes("=") ? splitOnce(option, "=") : splitOnce(option, ":");
  if (value === undefined) {
    throw new NaruError("internal", `invalid --security-opt 1: ${JSON.stringify(option)}`);
  }
  const known = ["label", "apparmor", "seccomp", "no-new-privileges", "writable-cgroups", "systempaths"];
  if (!known.includes(name)) throw new NaruError("internal", `invalid --security-opt 2: ${JSON.stringify(option)}`);
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
