/** `--security-opt` and `--privileged`: what confines a container's process beside its capabilities. */
import { NaruError } from "../lib/errors.ts";
import type { HostConfig } from "../model/container.ts";
import type { OciSpec } from "./oci-spec.ts";

export interface SecurityOptions {
  noNewPrivileges: boolean;
  /** Docker's default profile, none, or the text of a profile. */
  seccomp: "default" | "unconfined" | { profile: string };
  /** Undefined: none was asked for. */
  apparmor: string | undefined;
  unmaskedSystemPaths: boolean;
  /** The container's own cgroups are mounted for writing. */
  writableCgroups: boolean;
}

/** What Docker 28.5 hides or protects under /proc and /sys. */
const MASKED_PATHS = [
  ...["asound", "acpi", "interrupts", "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug"].map(
    (name) => `/proc/${name}`,
  ),
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];
const READONLY_PATHS = ["bus", "fs", "irq", "sys", "sysrq-trigger"].map((name) => `/proc/${name}`);

/**
 * Reads options such as "seccomp=unconfined", "seccomp={…}" (the client sends a file's text), "apparmor=name",
 * "no-new-privileges", "systempaths=unconfined", "writable-cgroups=true"; labels are accepted for their effect on machines with SELinux.
 * @throws {NaruError} internal, in Docker's words, for anything else.
 */
export function parseSecurityOptions(
  options: readonly string[],
  defaults: { noNewPrivileges: boolean },
): SecurityOptions {
  const parsed: SecurityOptions = {
    noNewPrivileges: defaults.noNewPrivileges,
    seccomp: "default",
    apparmor: undefined,
    unmaskedSystemPaths: false,
    writableCgroups: false,
  };
  for (const option of options) {
    const [, key = option, value] = /^([^=:]+)[=:](.*)$/s.exec(option) ?? [];
    const refuse = () => new NaruError("internal", `invalid --security-opt 2: ${JSON.stringify(option)}`);
    if (key === "no-new-privileges") {
      if (value !== undefined && !isBoolean(value)) throw refuse();
      parsed.noNewPrivileges = value === undefined || isTrue(value);
    } else if (option === "disable") {
      // The old spelling of label=disable.
    } else if (value === undefined) {
      throw new NaruError("internal", `invalid --security-opt 1: ${JSON.stringify(option)}`);
    } else if (key === "seccomp") {
      parsed.seccomp = seccompChoice(value);
    } else if (key === "apparmor") {
      parsed.apparmor = value;
    } else if (key === "systempaths" && value === "unconfined") {
      parsed.unmaskedSystemPaths = true;
    } else if (key === "writable-cgroups" && isBoolean(value)) {
      parsed.writableCgroups = isTrue(value);
    } else if (key !== "label") {
      throw refuse();
    }
  }
  return parsed;
}

function isBoolean(value: string): boolean {
  return /^(1|0|t|f|true|false)$/i.test(value);
}
function isTrue(value: string): boolean {
  return /^(1|t|true)$/i.test(value);
}

function seccompChoice(value: string): SecurityOptions["seccomp"] {
  if (value === "unconfined") return "unconfined";
  return value === "builtin" || value === "" ? "default" : { profile: value };
}

/** Masked and read-only paths: the client's own lists, else the defaults, which a privileged container does without. */
export function protectedPaths(
  hostConfig: Pick<HostConfig, "Privileged" | "MaskedPaths" | "ReadonlyPaths">,
  security: Pick<SecurityOptions, "unmaskedSystemPaths">,
  /** Those of the processors: throttling counters betray what other tenants do. */
  thermalPaths: readonly string[],
): Pick<OciSpec["linux"], "maskedPaths" | "readonlyPaths"> {
  if (hostConfig.Privileged) return {};
  const defaults = security.unmaskedSystemPaths
    ? { maskedPaths: [], readonlyPaths: [] }
    : { maskedPaths: [...MASKED_PATHS, ...thermalPaths], readonlyPaths: READONLY_PATHS };
  return {
    maskedPaths: hostConfig.MaskedPaths ?? defaults.maskedPaths,
    readonlyPaths: hostConfig.ReadonlyPaths ?? defaults.readonlyPaths,
  };
}
