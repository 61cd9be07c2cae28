/** What lies under the data root: images with the way to registries and the policy about them, volumes, the C program. */
import type { RegistryClient } from "../distribution/contract.ts";
import { createRegistryClient } from "../distribution/registry-client.ts";
import { registryUserAgent } from "../distribution/user-agent.ts";
import type { EngineConfig } from "../engine/config.ts";
import { createContainerFiles } from "../image/container-files.ts";
import type { TransferLimits } from "../image/contract.ts";
import { createImageStore } from "../image/open-image-store.ts";
import { ensureMonitorBinary } from "../runtime/monitor-binary.ts";
import { FilePolicy } from "../signature/image-policy.ts";
import type { StateStore } from "../store/contract.ts";
import { createVolumeStore } from "../volume/volume-store.ts";
import type { Log } from "./log.ts";
import { checkedRegistrySettings } from "./option-checks.ts";
import type { DaemonOptions } from "./options.ts";

export type StorageParts = Awaited<ReturnType<typeof openStorage>>;

/** `undo` closes what was opened. @throws invalid for options that make no sense, unavailable when the C program cannot run anywhere */
export async function openStorage(
  { options, config, store, log }: { options: DaemonOptions; config: EngineConfig; store: StateStore; log: Log },
  undo: AsyncDisposableStack,
) {
  const { dataRoot, execRoot } = options;
  let registrySettings = checkedRegistrySettings(options);
  const registries: RegistryClient = createRegistryClient({
    settings: () => registrySettings,
    userAgent: registryUserAgent(config.serverVersion, config.gitCommit),
  });
  const limits = transferLimits(options);
  const policy = await FilePolicy.open(options.signaturePolicy, store);
  const warn = (message: string) => log.warn(message);
  const [monitorPath, images, volumes] = await Promise.all([
    ensureMonitorBinary([`${dataRoot}/bin`, `${execRoot}/bin`]),
    createImageStore({ dataRoot, execRoot, store, registries, limits, policy, warn }),
    createVolumeStore({ dataRoot, store }),
  ]);
  undo.defer(() => images.close());
  await policy.forgetAllBut(new Set(images.listImages().map(({ id }) => id)));
  const files = await createContainerFiles({ execRoot, monitorPath });
  return {
    registries,
    policy,
    monitorPath,
    images,
    volumes,
    files,
    /** All or nothing. @throws invalid for options that make no sense */
    async reload(changed: DaemonOptions): Promise<void> {
      const settings = checkedRegistrySettings(changed);
      await policy.load(changed.signaturePolicy);
      registrySettings = settings;
      Object.assign(limits, transferLimits(changed));
    },
  };
}

function transferLimits({ concurrentDownloads, concurrentUploads }: DaemonOptions): TransferLimits {
  return { downloads: concurrentDownloads, uploads: concurrentUploads };
}
