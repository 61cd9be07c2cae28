/** Docker's seccomp profiles, and what is left of one for a container: the filter as OCI runtimes take it. */
import { NaruError } from "../lib/errors.ts";
import { isKernelAtLeast } from "./host-facts.ts";
import type { SeccompArg, SeccompFilter, SeccompFilterRule } from "./oci-spec.ts";

interface SeccompCondition {
  caps?: string[] | null;
  arches?: string[] | null;
  /** "4.8" */
  minKernel?: string;
}
export interface SeccompRule {
  names?: string[] | null;
  /** The old way to write one name. */
  name?: string;
  action: string;
  errnoRet?: number | null;
  args?: SeccompArg[] | null;
  includes?: SeccompCondition;
  excludes?: SeccompCondition;
}
/** The file format of `--security-opt seccomp=FILE`. */
export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number | null;
  archMap?: { architecture: string; subArchitectures?: string[] | null }[] | null;
  architectures?: string[] | null;
  flags?: string[] | null;
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: SeccompRule[] | null;
}

/** What a profile is fitted to. */
interface SeccompTarget {
  /** The container's bounding set, "CAP_…". */
  capabilities: ReadonlySet<string>;
  /** As Docker names processors: "amd64", "arm64". */
  arch: string;
  /** Kernel release, "6.18.44-…". */
  kernel: string;
}

const OCI_ARCH: Record<string, string> = {
  amd64: "SCMP_ARCH_X86_64",
  arm64: "SCMP_ARCH_AARCH64",
  riscv64: "SCMP_ARCH_RISCV64",
  s390x: "SCMP_ARCH_S390X",
  ppc64le: "SCMP_ARCH_PPC64LE",
};

/** @throws {NaruError} internal, in Docker's words, when the text is not such a profile. */
export function parseSeccompProfile(text: string): SeccompProfile {
  let profile: SeccompProfile;
  try {
    profile = JSON.parse(text);
  } catch (cause) {
    throw new NaruError("internal", `Decoding seccomp profile failed: ${(cause as Error).message}`, { cause });
  }
  if (typeof profile !== "object" || profile === null || Array.isArray(profile)) {
    throw new NaruError("internal", "Decoding seccomp profile failed: it must be a JSON object");
  }
  if (profile.architectures?.length && profile.archMap?.length) {
    throw new NaruError("internal", "both 'architectures' and 'archMap' are specified in the seccomp profile, use one");
  }
  return profile;
}

/** The rules of a profile that hold for this container. @throws {NaruError} internal for contradictory rules. */
export function fitSeccompProfile(profile: SeccompProfile, target: SeccompTarget): SeccompFilter {
  const native = OCI_ARCH[target.arch];
  const mapped = profile.archMap?.find(({ architecture }) => architecture === native);
  const named = mapped ? [mapped.architecture, ...(mapped.subArchitectures ?? [])] : profile.architectures;
  const architectures = named?.length || native === undefined ? named : [native];
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet == null ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures?.length ? { architectures: [...architectures] } : {}),
    ...(profile.flags?.length ? { flags: profile.flags } : {}),
    ...(profile.listenerPath ? { listenerPath: profile.listenerPath } : {}),
    ...(profile.listenerMetadata ? { listenerMetadata: profile.listenerMetadata } : {}),
    syscalls: (profile.syscalls ?? []).filter((rule) => applies(rule, target)).map(fitRule),
  };
}

function fitRule(rule: SeccompRule): SeccompFilterRule {
  if (rule.name && rule.names?.length) {
    throw new NaruError("internal", "both 'name' and 'names' are specified in a rule of the seccomp profile, use one");
  }
  return {
    names: rule.name ? [rule.name] : (rule.names ?? []),
    action: rule.action,
    ...(rule.errnoRet == null ? {} : { errnoRet: rule.errnoRet }),
    ...(rule.args?.length ? { args: rule.args } : {}),
  };
}

function applies({ includes = {}, excludes = {} }: SeccompRule, target: SeccompTarget): boolean {
  const has = (capability: string) => target.capabilities.has(capability);
  if (excludes.arches?.includes(target.arch)) return false;
  if (excludes.caps?.some(has)) return false;
  if (excludes.minKernel && isKernelAtLeast(target.kernel, excludes.minKernel)) return false;
  if (includes.arches?.length && !includes.arches.includes(target.arch)) return false;
  if (includes.caps && !includes.caps.every(has)) return false;
  return !includes.minKernel || isKernelAtLeast(target.kernel, includes.minKernel);
}
