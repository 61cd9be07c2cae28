/** Platforms of a build: for what it builds, on what it runs, and how both are written. */
import { machineArchitecture } from "../../lib/machine-architecture.ts";
import { parsePlatform, platformText } from "../../lib/platform.ts";
import type { Platform } from "../../model/image.ts";

/** What the build's processes run on. */
export function buildPlatform(): Platform {
  return { os: "linux", architecture: machineArchitecture() };
}

/** A whole platform from its text; parts not told are the machine's. @throws {NaruError} invalid in Docker's words */
export function readPlatform(text: string): Platform {
  const { os, architecture, variant } = parsePlatform(text);
  const own = buildPlatform();
  return normalPlatform({ os: os ?? own.os, architecture: architecture ?? own.architecture, variant });
}

/** Without a variant that says nothing, as BuildKit writes platforms. */
export function normalPlatform(platform: Platform): Platform {
  const { variant, ...rest } = platform;
  const isPlain =
    variant === undefined ||
    variant === "" ||
    (platform.architecture === "arm64" && (variant === "v8" || variant === "8")) ||
    (platform.architecture === "amd64" && variant === "v1");
  if (!isPlain) return { ...rest, variant: /^\d+$/.test(variant) ? `v${variant}` : variant };
  return platform.architecture === "arm" ? { ...rest, variant: "v7" } : rest;
}

export function isSamePlatform(a: Platform, b: Platform): boolean {
  return a.os === b.os && a.architecture === b.architecture;
}

/** The platform's variables: TARGETPLATFORM, TARGETOS, … */
export function platformArgs(prefix: "BUILD" | "TARGET", platform: Platform): [string, string][] {
  return [
    [`${prefix}PLATFORM`, platformText(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, platform["os.version"] ?? ""],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ""],
  ];
}

/** "->arm64": what a stage compiles for, when that is not what it runs on. */
export function crossTarget(base: Platform, env: ReadonlyMap<string, string>): string {
  const target = targetOf(env, base);
  if (!target) return "";
  if (target.os !== base.os) return `->${platformText(target)}`;
  if (target.architecture === base.architecture) return "";
  return `->${[target.architecture, target.variant].filter(Boolean).join("/")}`;
}

function targetOf(env: ReadonlyMap<string, string>, base: Platform): Platform | undefined {
  const whole = env.get("TARGETPLATFORM");
  if (whole !== undefined && /^[\w.-]+\/[\w.-]+(\/[\w.-]+)?$/.test(whole)) return readPlatform(whole);
  const [os, architecture, variant] = [env.get("TARGETOS"), env.get("TARGETARCH"), env.get("TARGETVARIANT")];
  if (os === undefined && architecture === undefined && variant === undefined) return undefined;
  return normalPlatform({ os: os || base.os, architecture: architecture || base.architecture, variant });
}
