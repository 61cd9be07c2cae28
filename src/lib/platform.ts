/** Platforms of images ("linux/arm64/v8"): reading, writing, and which of them a machine or a wish can do with. */
import type { Platform } from "../model/image.ts";
import { NaruError } from "./errors.ts";
import { machineArchitecture } from "./machine-architecture.ts";

/** A wish; what is absent or empty fits everything. */
export type PlatformWish = Partial<Platform>;

const PART = /^[A-Za-z0-9_.-]+$/;
const ARCHITECTURE_NAMES: Record<string, string> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  aarch64: "arm64",
  i386: "386",
  armhf: "arm",
  armel: "arm",
};
const OPERATING_SYSTEMS = new Set(["linux", "windows", "darwin", "freebsd"]);
const ARCHITECTURES = new Set(
  "386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le ppc64 ppc64le riscv64 s390x wasm".split(" "),
);

/**
 * "linux/arm64/v8", or one part of it: "linux", "arm64". Names of uname(1) are understood.
 * @throws {NaruError} invalid, in Docker's words
 */
export function parsePlatform(text: string): PlatformWish {
  const parts = text.toLowerCase().split("/");
  const bad = (reason: string) => new NaruError("invalid", `${JSON.stringify(text)}: ${reason}: invalid argument`);
  if (parts.length > 3) throw bad("cannot parse platform specifier");
  if (!parts.every((part) => PART.test(part))) throw bad("platform specifier component must match ^[A-Za-z0-9_.-]+$");
  const [first = "", second, variant] = parts;
  if (second === undefined) {
    const architecture = ARCHITECTURE_NAMES[first] ?? first;
    if (OPERATING_SYSTEMS.has(first)) return { os: first };
    if (ARCHITECTURES.has(architecture)) return { os: "linux", architecture };
    throw bad("unknown operating system or architecture");
  }
  return { os: first, architecture: ARCHITECTURE_NAMES[second] ?? second, ...(variant ? { variant } : {}) };
}

/** "linux/arm64/v8" without what is empty. */
export function platformText({ os, architecture, variant }: PlatformWish): string {
  return [os, architecture, variant].filter(Boolean).join("/");
}

/** What images without a variant mean (as containerd normalises them): arm is v7, arm64 v8, amd64 v1. */
function variantNumber({ architecture, variant }: PlatformWish): number {
  const digits = /^v?(\d+)/.exec(variant ?? "")?.[1];
  if (digits !== undefined) return Number(digits);
  return architecture === "arm" ? 7 : architecture === "arm64" ? 8 : 1;
}

/** True when `own` is of the wished platform; a variant that is not told fits. */
export function fitsPlatform(own: PlatformWish, wished: PlatformWish): boolean {
  if (wished.os && own.os !== wished.os) return false;
  if (wished.architecture && own.architecture !== wished.architecture) return false;
  return !wished.variant || !own.variant || variantNumber(own) === variantNumber(wished);
}

/**
 * How well an image for `own` serves `wished`: 0 best, undefined not at all. A processor also runs lower variants of its
 * architecture; where nothing was wished, the architectures that it runs beside its own too (386 on amd64, arm on arm64).
 */
function platformRank(own: PlatformWish, wished: PlatformWish | undefined): number | undefined {
  const os = wished?.os || "linux";
  const architecture = wished?.architecture || machineArchitecture();
  if (own.os !== os) return undefined;
  if (own.architecture === architecture) {
    // A machine's own variant is not known in full; the highest that is not above the usual one is taken.
    const most = variantNumber({ architecture, variant: wished?.variant });
    const distance = most - variantNumber(own);
    return distance >= 0 ? distance : undefined;
  }
  if (wished?.architecture) return undefined;
  if (architecture === "amd64" && own.architecture === "386") return 100;
  if (architecture === "arm64" && own.architecture === "arm") return 100 + (8 - variantNumber(own));
  return undefined;
}

/** True when this machine's processor runs such images without emulation. */
export function runsNatively(own: PlatformWish): boolean {
  return platformRank({ ...own, os: own.os || "linux" }, undefined) !== undefined;
}

/** The items in order of how well they serve the wish; those that do not are left out. */
export function byPlatform<Item>(
  items: readonly Item[],
  platformOf: (item: Item) => PlatformWish,
  wished: PlatformWish | undefined,
): Item[] {
  const ranked = items.map((item, index) => ({ item, index, rank: platformRank(platformOf(item), wished) }));
  return ranked
    .filter((entry) => entry.rank !== undefined)
    .sort((a, b) => a.rank! - b.rank! || a.index - b.index)
    .map(({ item }) => item);
}
