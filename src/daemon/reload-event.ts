/** What the event `daemon reload` says of the settings, in the names and notation of dockerd 28. */
import { DEFAULT_SHM_BYTES } from "../engine/host-config-defaults.ts";
import type { DaemonOptions } from "./options.ts";

export function reloadedSettings(options: DaemonOptions): Record<string, string> {
  return {
    debug: String(options.debug),
    ...(options.cgroupnsMode === undefined ? {} : { "default-cgroupns-mode": options.cgroupnsMode }),
    "default-ipc-mode": options.ipcMode ?? "private",
    "default-shm-size": String(options.shmSizeBytes ?? DEFAULT_SHM_BYTES),
    features: options.prefersBuildKit ? "map[]" : "map[buildkit:false]",
    "insecure-registries": JSON.stringify(options.insecureRegistries),
    labels: JSON.stringify(options.labels),
    "live-restore": String(options.liveRestore),
    "max-concurrent-downloads": String(options.concurrentDownloads),
    "max-concurrent-uploads": String(options.concurrentUploads),
    "max-download-attempts": String(options.downloadAttempts),
    "registry-mirrors": JSON.stringify(options.registryMirrors),
    "shutdown-timeout": String(options.shutdownTimeoutSeconds),
  };
}
