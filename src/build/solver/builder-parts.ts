/** What the builder is given, and what its parts share. */
import type { RegistryClient } from "../../distribution/contract.ts";
import type { ContainerFiles, ImageStore, LayerWorkshop } from "../../image/contract.ts";
import type { WorkerPool } from "../../lib/worker-pool.ts";
import type { Ulimit } from "../../model/container.ts";
import type { NetworkController } from "../../network/contract.ts";
import type { ContainerRuntime } from "../../runtime/contract.ts";
import type { SbomMaker } from "../../sbom/contract.ts";
import type { ImagePolicy } from "../../signature/contract.ts";
import type { StateStore } from "../../store/contract.ts";
import type { KeptContexts } from "../contexts/kept-contexts.ts";
import type { CacheMounts } from "./cache-mounts.ts";
import type { DigestMemo } from "./digest-memo.ts";
import type { GcSettings } from "./gc-policy.ts";
import type { LayoutImages } from "./layout-image.ts";
import type { TreeViews } from "./tree-views.ts";

export interface BuilderConfig {
  dataRoot: string;
  execRoot: string;
  /** Names this daemon among several: cgroups lie below /naru-<instance>. */
  instance: string;
  /** 0: Docker's default. */
  defaultShmSizeBytes: number;
  /** Of processes whose build names none. */
  defaultUlimits: readonly Ulimit[];
  dns: readonly string[];
  dnsOptions: readonly string[];
  dnsSearch: readonly string[];
  /** What a client may allow its builds; asked for again every time. */
  entitlements(): readonly string[];
  /** Limits of the cache; asked for again every time. */
  gc(): GcSettings;
}

export interface BuilderParts {
  images: ImageStore;
  workshop: LayerWorkshop;
  files: ContainerFiles;
  runtime: ContainerRuntime;
  networks: NetworkController;
  store: StateStore;
  keptContexts: KeptContexts;
  sbomMaker: SbomMaker;
  policy: ImagePolicy;
  registries: RegistryClient;
  config: BuilderConfig;
  log: { warn(message: string): void; error(message: string): void };
}

/** The parts with what the solver adds. */
export interface SolverContext extends BuilderParts {
  pool: WorkerPool;
  views: TreeViews;
  cacheMounts: CacheMounts;
  digestMemo: DigestMemo;
  layoutImages: LayoutImages;
  /** `<data root>/builder`. */
  directory: string;
}
