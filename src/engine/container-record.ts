/** What the store keeps of a container: one record, one version, migrations for older ones. */
import { NaruError } from "../lib/errors.ts";
import type { ContainerConfig, HostConfig, MountType } from "../model/container.ts";
import type { EndpointSettings } from "../model/network.ts";
import type { StateRecord } from "./container-state.ts";

export const CONTAINER_RECORD_VERSION = 2;

/** A mount of a container as decided at its creation. */
export interface MountRecord {
  type: MountType;
  /** Volume name or image reference. */
  name?: string;
  /** Host path of a bind; of a volume its mount point (as inspect shows it). */
  source: string;
  destination: string;
  driver?: string;
  /** The mode words as the user gave them, as inspect shows them ("ro", "z", …). */
  mode: string;
  readOnly: boolean;
  propagation: string;
  recursive: boolean;
  /** bind: make a missing source directory at start. */
  makeSource?: boolean;
  /** volume, image: path inside it. */
  subpath?: string;
  /** The engine made this volume for this container alone: `rm -v` removes it. */
  isAnonymous?: boolean;
  /** tmpfs: mount options. */
  options?: string[];
  /** HostConfig.Tmpfs entries are mounted but not listed by inspect. */
  isHidden?: boolean;
  /** image: the layer that stands for it. */
  layerId?: string;
}

export interface ContainerRecord {
  version: typeof CONTAINER_RECORD_VERSION;
  id: string;
  /** Without the leading slash. */
  name: string;
  /** RFC 3339 with nanoseconds. */
  created: string;
  imageId: string;
  /** Manifest of the platform, when the image is an index. */
  imageManifest?: string;
  config: ContainerConfig;
  hostConfig: HostConfig;
  state: StateRecord;
  /** Starts by the restart policy since the last start by hand. */
  restartCount: number;
  /** Stopped or killed by hand: policy unless-stopped leaves it alone after a daemon start. */
  isManuallyStopped: boolean;
  hasBeenStarted: boolean;
  /** A first start failed, after the container's own files were named. */
  wasStartTried?: boolean;
  mounts: MountRecord[];
  /** The wished part of each network membership, by network name. */
  networks: Record<string, EndpointSettings>;
  /** Default-bridge links: id of the other container and the alias. */
  links: { containerId: string; alias: string }[];
  /** Empty when the log driver is "none". */
  logPath: string;
  platform: string;
  /** The sandbox whose namespaces it joins. */
  pod?: string;
}

type OlderRecord = { version?: number } & Record<string, unknown>;

/** Step N brings a record of version N to version N + 1. */
const MIGRATIONS: Record<number, (record: OlderRecord) => OlderRecord> = {
  // Version 1 had no links of its own: it kept only HostConfig.Links.
  1: (record) => ({ ...record, version: 2, links: [], platform: "linux" }),
};

/** A record of any known version in the present form. @throws unavailable for one of a newer naru: nothing may be lost of it */
export function migrateContainerRecord(stored: unknown): ContainerRecord {
  let record = stored as OlderRecord;
  const { id, version: found = 1 } = record;
  if (found > CONTAINER_RECORD_VERSION) {
    throw new NaruError(
      "unavailable",
      `the record of container ${id} has version ${found}, this naru knows versions up to ${CONTAINER_RECORD_VERSION}: ` +
        "start the newer naru that wrote it",
    );
  }
  for (let version = record.version ?? 1; version < CONTAINER_RECORD_VERSION; version++) {
    record = MIGRATIONS[version]!(record);
  }
  return record as unknown as ContainerRecord;
}
