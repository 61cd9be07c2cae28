/** What this machine and the daemon's own process allow; read once, when the runtime is made. */
import { access, readFile } from "node:fs/promises";
import { arch, cpus, release } from "node:os";
import { capabilitiesInMask } from "./oci-capabilities.ts";

export interface HostFacts {
  /** Capabilities that the daemon may hand on: its own bounding set. */
  capabilities: string[];
  /** Those that the kernel has and the daemon has not. */
  missingCapabilities: string[];
  /** Docker's name of the processor: "amd64", "arm64". */
  arch: string;
  kernel: string;
  hasSeccomp: boolean;
  /** Profiles loaded in the kernel; undefined: it has no AppArmor. */
  apparmorProfiles: Set<string> | undefined;
  /** The daemon's own adjustment, which containers would inherit. */
  oomScoreAdj: number;
  /** Mount options that keep an overlay plain, whatever this kernel's defaults are; only those that it knows. */
  overlayOptions: string[];
  /** To be hidden from containers: see oci-security.ts. */
  thermalPaths: string[];
}

/**
 * Source: Documentation/filesystems/overlayfs.rst. Layers must stay what an archive of them says, so nothing that hides
 * files behind attributes (redirected directories, metadata-only copies); an index would bind a layer to its file system.
 */
const PLAIN_OVERLAY = { index: "off", redirect_dir: "nofollow", metacopy: "off" };

const DOCKER_ARCH: Record<string, string> = { x64: "amd64", ia32: "x86" };

/** Reads the facts; what cannot be read counts as absent. */
export async function readHostFacts(): Promise<HostFacts> {
  const [status, lastCapability, apparmor, profiles, oomScoreAdj] = await Promise.all([
    readFile("/proc/self/status", "utf8"),
    readFile("/proc/sys/kernel/cap_last_cap", "utf8"),
    readFile("/sys/module/apparmor/parameters/enabled", "utf8").catch(() => "N"),
    readFile("/sys/kernel/security/apparmor/profiles", "utf8").catch(() => ""),
    readFile("/proc/self/oom_score_adj", "utf8"),
  ]);
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1];
  const capabilities = capabilitiesInMask(field("CapBnd") ?? "0");
  const allOfKernel = (1n << (BigInt(lastCapability.trim()) + 1n)) - 1n;
  return {
    capabilities,
    missingCapabilities: capabilitiesInMask(allOfKernel.toString(16)).filter((name) => !capabilities.includes(name)),
    arch: DOCKER_ARCH[arch()] ?? arch(),
    kernel: release(),
    hasSeccomp: field("Seccomp") !== undefined,
    apparmorProfiles: apparmor.startsWith("Y") ? new Set(profiles.match(/^.+(?= \(\w+\)$)/gm) ?? []) : undefined,
    oomScoreAdj: Number(oomScoreAdj),
    overlayOptions: await plainOverlayOptions(),
    thermalPaths: await existingPaths(
      cpus().map((_, number) => `/sys/devices/system/cpu/cpu${number}/thermal_throttle`),
    ),
  };
}

async function plainOverlayOptions(): Promise<string[]> {
  const parameter = (name: string) => `/sys/module/overlay/parameters/${name}`;
  const known = await existingPaths(Object.keys(PLAIN_OVERLAY).map(parameter));
  return Object.entries(PLAIN_OVERLAY).flatMap(([name, value]) =>
    known.includes(parameter(name)) ? [`${name}=${value}`] : [],
  );
}

async function existingPaths(paths: string[]): Promise<string[]> {
  const exists = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_, index) => exists[index]);
}

/** Compares the first two numbers of releases: "6.1.0-18-amd64" is at least "5.12". */
export function isKernelAtLeast(release: string, wanted: string): boolean {
  const numbers = (text: string) => text.split(/[.-]/, 2).map(Number);
  const [major = 0, minor = 0] = numbers(release);
  const [wantedMajor = 0, wantedMinor = 0] = numbers(wanted);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
