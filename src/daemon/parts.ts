/** Composition: which implementation stands behind each contract, in the order in which they need each other. */
import { createHash } from "node:crypto";
import type { ImageSboms } from "../api/image-sbom.ts";
import type { ImageBootstrapRequest, ImageMaker } from "../api/image-sources.ts";
import type { DaemonTraits } from "../api/system.ts";
import { type BuildKitServer, createBuildKitServer } from "../build/buildkit/buildkit-server.ts";
import { type ClassicBuilder, createClassicBuilder } from "../build/classic/classic-builder.ts";
import { type CommandBuilds, createCommandBuilds } from "../build/command/command-builds.ts";
import { KeptContexts } from "../build/contexts/kept-contexts.ts";
import type { Builder } from "../build/contract.ts";
import { createBuilder } from "../build/create-builder.ts";
import type { BuilderConfig } from "../build/solver/builder-parts.ts";
import type { ProjectAutomation } from "../compose/automation/contract.ts";
import type { RegistryClient } from "../distribution/contract.ts";
import { createRegistryClient } from "../distribution/registry-client.ts";
import { registryUserAgent } from "../distribution/user-agent.ts";
import type { EngineConfig } from "../engine/config.ts";
import type { Engine } from "../engine/contract.ts";
import { createEngine } from "../engine/create-engine.ts";
import { bootstrapImage } from "../image/bootstrap.ts";
import { ensureHelloWorld } from "../image/builtin-images.ts";
import { createContainerFiles } from "../image/container-files.ts";
import type { ImageStore, ProgressLine, TransferLimits } from "../image/contract.ts";
import { createImageStore } from "../image/open-image-store.ts";
import { NaruError } from "../lib/errors.ts";
import { NARU_VERSION } from "../lib/version.ts";
import { createNetworkController } from "../network/network-controller.ts";
import { createCrunRuntime } from "../runtime/crun-runtime.ts";
import { ensureMonitorBinary } from "../runtime/monitor-binary.ts";
import { NetnsServer } from "../runtime/netns-server.ts";
import { createSbomMaker } from "../sbom/sbom-maker.ts";
import { FilePolicy } from "../signature/image-policy.ts";
import { createStateStore } from "../store/state-store.ts";
import { createVolumeStore } from "../volume/volume-store.ts";
import { startComposeAutomation } from "./compose-automation.ts";
import { createImageSboms } from "./image-sboms.ts";
import type { Log } from "./log.ts";
import { checkedRegistrySettings, checkLogOptions, seccompProfile } from "./option-checks.ts";
import type { DaemonOptions } from "./options.ts";

/** Set by the build; absent when run from source. */
declare const NARU_COMMIT: string | undefined;
declare const NARU_BUILT: string | undefined;

const INSTANCE_DIGITS = 8;

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
  const { dataRoot, execRoot } = options;
  const lap = stopwatch(log);
  await using undo = new AsyncDisposableStack();
  // The lock comes first: everything after it may touch what another daemon owns.
  const store = await createStateStore(dataRoot);
  undo.defer(() => store.close());
  lap("state");
  const instance = instanceOf(options);
  const config = engineConfig(options, instance);
  checkLogOptions(options);
  let registrySettings = checkedRegistrySettings(options);
  const registries = createRegistryClient({
    settings: () => registrySettings,
    userAgent: registryUserAgent(config.serverVersion, config.gitCommit),
  });
  const limits = transferLimits(options);
  const policy = await FilePolicy.open(options.signaturePolicy, store);
  const [monitorPath, images, volumes] = await Promise.all([
    ensureMonitorBinary([`${dataRoot}/bin`, `${execRoot}/bin`]),
    createImageStore({
      dataRoot,
      execRoot,
      store,
      registries,
      limits,
      policy,
      warn: (message) => log.warn(message),
    }),
    createVolumeStore({ dataRoot, store }),
  ]);
  undo.defer(() => images.close());
  await policy.forgetAllBut(new Set(images.listImages().map(({ id }) => id)));
  const files = await createContainerFiles({ execRoot, monitorPath });
  lap("images, volumes, monitor");
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
  lap("runtime, networks");
  const engine = await createEngine({
    store,
    runtime,
    namespaces: netns,
    images,
    policy,
    files,
    networks,
    volumes,
    config,
    log,
  });
  undo.defer(() => engine.shutdown());
  await engine.restore();
  lap("containers");
  const automation = startComposeAutomation({ engine, networks, store, log });
  undo.defer(() => automation.stop());
  let { builderGc, builderEntitlements } = options;
  const traits = { isExperimental: options.isExperimental, prefersBuildKit: options.prefersBuildKit };
  const keptContexts = await KeptContexts.open(`${dataRoot}/builder/kept-contexts`);
  const builder = await createBuilder({
    images,
    workshop: images.workshop,
    files,
    runtime,
    networks,
    store,
    keptContexts,
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
  const buildKit = createBuildKitServer({
    builder,
    kept: keptContexts,
    files,
    scratch,
    execRoot,
    instance,
    store,
    historyDirectory: `${dataRoot}/builder/history`,
    log,
  });
  undo.defer(() => buildKit.close());
  lap("builder");
  const opened = undo.move();
  return {
    engine,
    builder,
    classicBuilder: createClassicBuilder({ builder, files, dataRoot, execRoot, instance }),
    buildKit,
    commandBuilds: createCommandBuilds({ builder, kept: keptContexts, files, dataRoot, execRoot, instance, log }),
    imageMaker: imageMaker(images, monitorPath),
    registries,
    sboms: createImageSboms(images, images.workshop),
    automation,
    traits,
    async reload(changed) {
      const settings = checkedRegistrySettings(changed);
      await policy.load(changed.signaturePolicy);
      registrySettings = settings;
      Object.assign(limits, transferLimits(changed));
      Object.assign(config, reloadable(changed));
      ({ builderGc, builderEntitlements } = changed);
      traits.prefersBuildKit = changed.prefersBuildKit;
    },
    async close({ endsContainers } = { endsContainers: false }) {
      if (endsContainers) config.stopContainersOnShutdown = true;
      await opened.disposeAsync();
    },
  };
}

/** Tells this daemon's kernel objects from those of other daemons; the same after every restart. */
export function instanceOf({ dataRoot, execRoot }: DaemonOptions): string {
  return createHash("sha256").update(`${dataRoot}\0${execRoot}`).digest("hex").slice(0, INSTANCE_DIGITS);
}

function engineConfig(options: DaemonOptions, instance: string): EngineConfig {
  const isBuilt = typeof NARU_COMMIT === "string";
  return {
    dataRoot: options.dataRoot,
    execRoot: options.execRoot,
    instance,
    serverVersion: NARU_VERSION,
    gitCommit: isBuilt ? NARU_COMMIT : undefined,
    buildTime: isBuilt ? NARU_BUILT : undefined,
    logDriver: options.logDriver,
    logOptions: options.logOptions,
    defaultUlimits: options.ulimits,
    isExperimental: options.isExperimental,
    defaultInit: options.init,
    dns: options.dns,
    dnsOptions: options.dnsOptions,
    dnsSearch: options.dnsSearch,
    httpProxy: options.proxies.http ?? process.env.HTTP_PROXY ?? process.env.http_proxy,
    httpsProxy: options.proxies.https ?? process.env.HTTPS_PROXY ?? process.env.https_proxy,
    noProxy: options.proxies.none ?? process.env.NO_PROXY ?? process.env.no_proxy,
    ...reloadable(options),
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

function transferLimits({ concurrentDownloads, concurrentUploads }: DaemonOptions): TransferLimits {
  return { downloads: concurrentDownloads, uploads: concurrentUploads };
}

function reloadable(options: DaemonOptions) {
  return {
    debug: options.debug,
    defaultShmSizeBytes: options.shmSizeBytes,
    defaultIpcMode: options.ipcMode,
    defaultCgroupnsMode: options.cgroupnsMode,
    labels: options.labels,
    registryMirrors: options.registryMirrors,
    insecureRegistries: options.insecureRegistries,
    stopContainersOnShutdown: !options.liveRestore,
    shutdownTimeoutSeconds: options.shutdownTimeoutSeconds,
  } satisfies Partial<EngineConfig>;
}

function imageMaker(images: ImageStore, monitorPath: string): ImageMaker {
  return {
    ensureHelloWorld: () => ensureHelloWorld(images, monitorPath),
    bootstrap: (request, signal) => bootstrap(images, request, signal),
  };
}

const DEBIAN_ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", arm64: "arm64" };

async function* bootstrap(
  images: ImageStore,
  request: ImageBootstrapRequest,
  signal: AbortSignal,
): AsyncGenerator<ProgressLine> {
  const { Suite, Tag, Include, Mirror, Cmd, Entrypoint, Env, Arch } = request;
  const ours = DEBIAN_ARCHITECTURES[process.arch] ?? process.arch;
  if (Arch && Arch !== ours) {
    throw new NaruError("invalid", `this machine makes and runs images for ${ours}, not for ${Arch}`);
  }
  const name = Tag || Suite || "";
  yield* bootstrapImage(
    images,
    { Distribution: Suite, Reference: name, Include, Mirror, Cmd, Entrypoint, Env },
    signal,
  );
  yield { aux: { ID: images.getImage(name).id } };
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
