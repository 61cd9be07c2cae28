/** What containers get that do not say otherwise, out of the settings. */
import type { OptionReader } from "./option-reader.ts";
import type { UlimitSetting } from "./setting-values.ts";

/** @throws invalid for what naru does not have */
export function containerOptions(read: OptionReader) {
  read.oneOf(
    "storage-driver",
    ["overlay2"],
    "overlay2",
    (value) => `naru stores layers with overlay2 only, not ${value}`,
  );
  return {
    ulimits: read.value<UlimitSetting[]>("default-ulimit") ?? [],
    shmSizeBytes: read.value<number>("default-shm-size"),
    ipcMode: read.optionalOneOf(
      "default-ipc-mode",
      ["private", "shareable"],
      (value) => `IPC mode "${value}" is not supported as default value; use private or shareable`,
    ),
    cgroupnsMode: read.optionalOneOf(
      "default-cgroupns-mode",
      ["private", "host"],
      (value) => `default cgroup namespace mode (${value}) is invalid; use "host" or "private"`,
    ),
    init: read.bool("init", false),
    noNewPrivileges: read.bool("no-new-privileges", false),
    seccompProfile: read.optionalText("seccomp-profile"),
    logDriver: read.oneOf(
      "log-driver",
      ["json-file", "local", "none"],
      "json-file",
      (value) => `naru has no log driver ${value}; use json-file, local or none`,
    ),
    logOptions: read.value<Record<string, string>>("log-opt") ?? {},
  };
}
