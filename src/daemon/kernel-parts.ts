/** What acts on the kernel: namespaces, the OCI runtime, networks. */
import { createNetworkController } from "../network/create-network-controller.ts";
import { createCrunRuntime } from "../runtime/crun-runtime.ts";
import { NetnsServer } from "../runtime/netns-server.ts";
import type { StateStore } from "../store/contract.ts";
import type { Log } from "./log.ts";
import { seccompProfile } from "./option-checks.ts";
import type { DaemonOptions } from "./options.ts";

interface Below {
  options: DaemonOptions;
  instance: string;
  store: StateStore;
  monitorPath: string;
  log: Log;
}

/** `undo` lets go of what was opened. @throws invalid for options that make no sense, unavailable when the machine lacks something */
export async function openKernelParts(
  { options, instance, store, monitorPath, log }: Below,
  undo: AsyncDisposableStack,
) {
  const { execRoot } = options;
  const netns = NetnsServer.start(monitorPath);
  undo.defer(() => netns.stop());
  const [runtime, networks] = await Promise.all([
    createCrunRuntime({
      execRoot,
      monitorPath,
      instance,
      defaults: { noNewPrivileges: options.noNewPrivileges },
      seccompProfile: await seccompProfile(options.seccompProfile),
    }),
    createNetworkController({
      store,
      netns,
      execRoot,
      instance,
      bip: options.bridgeAddress,
      mtu: options.mtu,
      defaultBridge: {
        allowsTalk: options.interContainer,
        masquerades: options.masquerade,
        hostAddress: options.publishAddress,
      },
      addressPools: options.addressPools.map(({ base, size }) => ({ base, subnetBits: size })),
      touchForeignFirewalls: options.firewall,
      warn: (message) => log.warn(message),
    }),
  ]);
  undo.defer(() => networks.close());
  undo.defer(() => runtime.removeEmptyCgroupParent());
  for (const warning of runtime.info.warnings) log.warn(warning);
  return { netns, runtime, networks };
}
