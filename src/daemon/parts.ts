/** Composition: which implementation stands behind each contract, in the order in which they need each other. */
import type { ImageSboms } from "../api/image-sbom.ts";
import type { ImageMaker } from "../api/image-sources.ts";
import type { DaemonTraits } from "../api/system.ts";
import type { BuildKitServer } from "../build/buildkit/buildkit-server.ts";
import type { ClassicBuilder } from "../build/classic/classic-builder.ts";
import type { CommandBuilds } from "../build/command/command-builds.ts";
import type { Builder } from "../build/contract.ts";
import type { ProjectAutomation } from "../compose/automation/contract.ts";
import type { RegistryClient } from "../distribution/contract.ts";
import type { Engine } from "../engine/contract.ts";
import { createEngine } from "../engine/create-engine.ts";
import { createStateStore } from "../store/state-store.ts";
import { openBuilders } from "./builder-parts.ts";
import { startComposeAutomation } from "./compose-automation.ts";
import { engineConfig, reloadableConfig } from "./engine-config.ts";
import { createImageMaker } from "./image-maker.ts";
import { createImageSboms } from "./image-sboms.ts";
import { openKernelParts } from "./kernel-parts.ts";
import type { Log } from "./log.ts";
import { checkLogOptions } from "./option-checks.ts";
import type { DaemonOptions } from "./options.ts";
import { openStorage } from "./storage-parts.ts";

export interface Parts {
  engine: Engine;
  builder: Builder;
  classicBuilder: ClassicBuilder;
  buildKit: BuildKitServer;
  commandBuilds: CommandBuilds;
  imageMaker: ImageMaker;
  sboms: ImageSboms;
  registries: RegistryClient;
  automation: ProjectAutomation;
  traits: DaemonTraits;
  /** Takes over what may change while the daemon runs. */
  reload(options: DaemonOptions): Promise<void>;
  /** Writes what is not written and lets go of the kernel's objects; containers go on, unless live-restore is off or they are to end. */
  close(options?: { endsContainers: boolean }): Promise<void>;
}

/**
 * Locks the data root, opens everything under it and finds the true state of each container.
 * @throws conflict when another daemon uses the data root, unavailable when the machine lacks something, saying what.
 */
export async function openParts(options: DaemonOptions, log: Log): Promise<Parts> {
  const lap = stopwatch(log);
  await using undo = new AsyncDisposableStack();
  // The lock comes first: everything after it may touch what another daemon owns.
  const store = await createStateStore(options.dataRoot);
  undo.defer(() => store.close());
  lap("state");
  const config = engineConfig(options);
  const { instance } = config;
  checkLogOptions(options);
  const storage = await openStorage({ options, config, store, log }, undo);
  const { registries, policy, monitorPath, images, volumes, files } = storage;
  lap("images, volumes, monitor");
  const { netns, runtime, networks } = await openKernelParts({ options, instance, store, monitorPath, log }, undo);
  lap("runtime, networks");
  const below = { store, runtime, namespaces: netns, images, policy, files, networks, volumes };
  const engine = await createEngine({ ...below, config, log });
  undo.defer(() => engine.shutdown());
  await engine.restore();
  lap("containers");
  const automation = startComposeAutomation({ engine, networks, store, log });
  undo.defer(() => automation.stop());
  const builders = await openBuilders({ options, instance, store, storage, runtime, networks, log }, undo);
  lap("builder");
  const traits = { isExperimental: options.isExperimental, prefersBuildKit: options.prefersBuildKit };
  const opened = undo.move();
  return {
    engine,
    ...builders,
    imageMaker: createImageMaker(images, monitorPath),
    registries,
    sboms: createImageSboms(images, images.workshop),
    automation,
    traits,
    async reload(changed) {
      await storage.reload(changed);
      Object.assign(config, reloadableConfig(changed));
      builders.reload(changed);
      traits.prefersBuildKit = changed.prefersBuildKit;
    },
    async close({ endsContainers } = { endsContainers: false }) {
      if (endsContainers) config.stopContainersOnShutdown = true;
      await opened.disposeAsync();
    },
  };
}

/** Tells at debug level where the time of a start goes. */
function stopwatch(log: Log): (what: string) => void {
  let last = performance.now();
  return (what) => {
    const now = performance.now();
    log.debug("opened", { what, ms: Math.round((now - last) * 10) / 10 });
    last = now;
  };
}
