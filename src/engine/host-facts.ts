/** Facts about this machine for `info` and `version`. */
import { readdir, readFile } from "node:fs/promises";
import { arch, release } from "node:os";

/** PRETTY_NAME and VERSION_ID of os-release(5). */
export async function operatingSystem(): Promise<{ name: string; version: string }> {
  for (const path of ["/etc/os-release", "/usr/lib/os-release"]) {
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const field = (key: string) =>
      new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1]?.replace(/^["'](.*)["']$/, "$1") ?? "";
    return { name: field("PRETTY_NAME") || "Linux", version: field("VERSION_ID") };
  }
  return { name: "Linux", version: "" };
}

/** As `uname -m` says it. */
export function machineName(): string {
  return { x64: "x86_64", arm64: "aarch64" }[arch() as string] ?? arch();
}

export function kernelVersion(): string {
  return release();
}

/** Which limits the kernel's cgroup controllers can enforce. */
export async function limitSupport(cgroupVersion: "1" | "2"): Promise<Record<string, boolean>> {
  const controllers = await availableControllers(cgroupVersion);
  const has = (name: string) => controllers.has(name);
  const v1 = cgroupVersion === "1";
  const [hasSwapAccounting, isForwarding] = await Promise.all([
    v1 ? exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes") : Promise.resolve(has("memory")),
    readFile("/proc/sys/net/ipv4/ip_forward", "utf8").then(
      (text) => text.trim() === "1",
      () => false,
    ),
  ]);
  return {
    MemoryLimit: has("memory"),
    SwapLimit: hasSwapAccounting,
    KernelMemoryTCP: v1 && has("memory"),
    CpuCfsPeriod: has("cpu"),
    CpuCfsQuota: has("cpu"),
    CPUShares: has("cpu"),
    CPUSet: has("cpuset"),
    PidsLimit: has("pids"),
    IPv4Forwarding: isForwarding,
    OomKillDisable: v1 && has("memory"),
  };
}

/** Names of the enabled controllers. cgroups(7) */
async function availableControllers(version: "1" | "2"): Promise<Set<string>> {
  if (version === "2") {
    const text = await readFile("/sys/fs/cgroup/cgroup.controllers", "utf8").catch(() => "");
    return new Set(text.trim().split(/\s+/));
  }
  const text = await readFile("/proc/cgroups", "utf8").catch(() => "");
  const rows = text.split("\n").map((line) => line.split("\t"));
  return new Set(rows.filter(([, , , enabled]) => enabled === "1").map(([name]) => name!));
}

async function exists(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    () => false,
  );
}

/** How many file descriptors this process has open. */
export async function openDescriptorCount(): Promise<number> {
  return (await readdir("/proc/self/fd").catch(() => [])).length;
}

/** The type of the file system that holds `path`, as Docker names it ("extfs", "xfs", "tmpfs", …). */
export async function backingFileSystem(path: string): Promise<string> {
  const mounts = (await readFile("/proc/self/mountinfo", "utf8").catch(() => "")).split("\n");
  let best = { point: "", type: "unknown" };
  for (const line of mounts) {
    const [left = "", right = ""] = line.split(" - ");
    const point = left.split(" ")[4] ?? "";
    const holds = point === "/" || path === point || path.startsWith(`${point}/`);
    if (holds && point.length >= best.point.length) best = { point, type: right.split(" ")[0] ?? "unknown" };
  }
  return best.type.startsWith("ext") ? "extfs" : best.type === "overlay" ? "overlayfs" : best.type;
}
