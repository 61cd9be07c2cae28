/** The builder and its clients' ways in. */
import { createBuildKitServer } from "../build/buildkit/buildkit-server.ts";
import { createClassicBuilder } from "../build/classic/classic-builder.ts";
import { createCommandBuilds } from "../build/command/command-builds.ts";
import { KeptContexts } from "../build/contexts/kept-contexts.ts";
import { createBuilder } from "../build/create-builder.ts";
import type { BuilderConfig } from "../build/solver/builder-parts.ts";
import type { NetworkController } from "../network/contract.ts";
import type { ContainerRuntime } from "../runtime/contract.ts";
import { createSbomMaker } from "../sbom/sbom-maker.ts";
import type { StateStore } from "../store/contract.ts";
import type { Log } from "./log.ts";
import type { DaemonOptions } from "./options.ts";
import type { StorageParts } from "./storage-parts.ts";

interface Below {
  options: DaemonOptions;
  instance: string;
  store: StateStore;
  storage: StorageParts;
  runtime: ContainerRuntime;
  networks: NetworkController;
  log: Log;
}

/** `undo` closes what was opened. */
export async function openBuilders(below: Below, undo: AsyncDisposableStack) {
  const { options, instance, store, storage, runtime, networks, log } = below;
  const { dataRoot, execRoot } = options;
  const { images, files, policy, registries } = storage;
  let { builderGc, builderEntitlements } = options;
  const kept = await KeptContexts.open(`${dataRoot}/builder/kept-contexts`);
  const builder = await createBuilder({
    images,
    workshop: images.workshop,
    files,
    runtime,
    networks,
    store,
    keptContexts: kept,
    sbomMaker: createSbomMaker(),
    policy,
    registries,
    config: {
      ...builderConfig(options, instance),
      gc: () => builderGc,
      entitlements: () => builderEntitlements,
    },
    log,
  });
  undo.defer(() => builder.close());
  const scratch = `${dataRoot}/builder/contexts`;
  const historyDirectory = `${dataRoot}/builder/history`;
  const buildKit = createBuildKitServer({
    builder,
    kept,
    files,
    scratch,
    execRoot,
    instance,
    store,
    historyDirectory,
    log,
  });
  undo.defer(() => buildKit.close());
  return {
    builder,
    buildKit,
    classicBuilder: createClassicBuilder({ builder, files, dataRoot, execRoot, instance }),
    commandBuilds: createCommandBuilds({ builder, kept, files, dataRoot, execRoot, instance, log }),
    reload(changed: DaemonOptions): void {
      ({ builderGc, builderEntitlements } = changed);
    },
  };
}

function builderConfig(options: DaemonOptions, instance: string): Omit<BuilderConfig, "gc" | "entitlements"> {
  const { dataRoot, execRoot, shmSizeBytes = 0, ulimits, dns = [], dnsOptions = [], dnsSearch = [] } = options;
  return {
    dataRoot,
    execRoot,
    instance,
    defaultShmSizeBytes: shmSizeBytes,
    defaultUlimits: ulimits,
    dns,
    dnsOptions,
    dnsSearch,
  };
}
