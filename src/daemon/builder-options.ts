/** What the builder keeps and allows, out of the settings builder-…. */
import { type GcPolicySetting, type GcSettings, gcPolicies } from "../build/solver/gc-policy.ts";
import type { OptionReader } from "./option-reader.ts";
import { badSetting } from "./setting-error.ts";

/** @throws invalid for a size or rule that cannot be read */
export function builderOptions(read: OptionReader) {
  return {
    builderGc: builderGc(read),
    builderEntitlements: [
      ...(read.bool("builder-allow-network-host", true) ? ["network.host"] : []),
      ...(read.bool("builder-allow-insecure", false) ? ["security.insecure"] : []),
    ],
  };
}

function builderGc(read: OptionReader): GcSettings {
  const policy = read.optionalText("builder-gc-policy");
  const settings: GcSettings = {
    enabled: read.bool("builder-gc", true),
    defaultKeepStorage: read.optionalText("builder-keep-storage"),
    defaultReservedSpace: read.optionalText("builder-reserved-space"),
    defaultMaxUsedSpace: read.optionalText("builder-max-used-space"),
    defaultMinFreeSpace: read.optionalText("builder-min-free-space"),
    ...(policy === undefined ? {} : { policy: parsePolicies(policy) }),
  };
  // A mistake is told at the start, not after the first build.
  gcPolicies(settings, 0);
  return settings;
}

function parsePolicies(text: string): GcPolicySetting[] {
  try {
    const policies: unknown = JSON.parse(text);
    if (Array.isArray(policies)) return policies;
  } catch {
    // Told below.
  }
  throw badSetting(`builder.gc.policy is no list of rules: ${text}`);
}
