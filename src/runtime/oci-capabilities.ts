/** Linux capabilities of a container, as `--cap-add`, `--cap-drop` and `--privileged` ask for them. */
import { NaruError } from "../lib/errors.ts";

/** In the order of their numbers; see capabilities(7). */
const CAPABILITIES = `
  CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
  NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
  SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
  MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

/** What a container has unless told otherwise, in Docker's order. */
const DEFAULT_CAPABILITIES = `
  CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL
  AUDIT_WRITE
`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

const ALL = "ALL";

/** The capabilities in a mask of /proc/PID/status ("000001fffeffffff"), in the order of their numbers. */
export function capabilitiesInMask(hexadecimal: string): string[] {
  const mask = BigInt(`0x${hexadecimal}`);
  return CAPABILITIES.filter((_, number) => (mask >> BigInt(number)) & 1n);
}

/**
 * The container's capabilities. `available` is what the daemon itself may give away: nobody can hand on more, so
 * "all" means all of these, and a default that the daemon lacks is left out.
 * @throws {NaruError} internal, in Docker's words, for an unknown name or one that the daemon lacks.
 */
export function containerCapabilities(
  available: readonly string[],
  request: { privileged?: boolean; capAdd?: string[] | null; capDrop?: string[] | null },
): string[] {
  if (request.privileged) return [...available];
  const adds = normalize(request.capAdd, "CapAdd", available);
  const drops = new Set(normalize(request.capDrop, "CapDrop", undefined));
  const base = DEFAULT_CAPABILITIES.filter((name) => available.includes(name));
  if (adds.includes(ALL)) return available.filter((name) => !drops.has(name));
  if (drops.has(ALL)) return adds;
  const kept = base.filter((name) => !drops.has(name));
  return [...kept, ...adds.filter((name) => !kept.includes(name))];
}

/** Names with CAP_ and in capitals, each once. `available` undefined: any known one will do. */
function normalize(
  names: string[] | null | undefined,
  field: "CapAdd" | "CapDrop",
  available: readonly string[] | undefined,
): string[] {
  const normalized = new Set<string>();
  for (const given of names ?? []) {
    const upper = given.trim().toUpperCase();
    const name = upper === ALL || upper.startsWith("CAP_") ? upper.replace(/^CAP_ALL$/, ALL) : `CAP_${upper}`;
    if (name !== ALL && !CAPABILITIES.includes(name)) {
      throw new NaruError("internal", `invalid ${field}: unknown capability: "${name}"`);
    }
    if (name !== ALL && available && !available.includes(name)) {
      throw new NaruError(
        "internal",
        `invalid ${field}: capability not supported by your kernel or not available in the current environment: "${name}"`,
      );
    }
    normalized.add(name);
  }
  return [...normalized];
}
