/** Images as `docker inspect` and `docker history` print them. */
import type { ContainerConfig } from "../model/container.ts";
import type { ImageHistoryItem, ImageInspect } from "../model/image.ts";
import type { LocalImage } from "./contract.ts";
import type { ImageRecord, ImageRecords } from "./image-records.ts";

/** `lowerDirs` come newest first. */
export function describeImage(record: ImageRecord, image: LocalImage, layerDirs: string[]): ImageInspect {
  const { config } = record;
  const [upper, ...lowers] = layerDirs;
  return {
    Id: record.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: "",
    Comment: config.comment || (config.history?.at(-1)?.comment ?? ""),
    ...(config.created === undefined ? {} : { Created: config.created }),
    DockerVersion: "",
    Author: config.author ?? "",
    Architecture: config.architecture,
    ...(config.variant ? { Variant: config.variant } : {}),
    Os: config.os,
    ...(config["os.version"] ? { OsVersion: config["os.version"] } : {}),
    Size: image.sizeBytes,
    GraphDriver: {
      Data: {
        ...(lowers.length > 0 ? { LowerDir: lowers.join(":") } : {}),
        ...(upper === undefined ? {} : { UpperDir: upper }),
      },
      Name: "overlay2",
    },
    RootFS: {
      Type: "layers",
      ...(config.rootfs.diff_ids.length > 0 ? { Layers: config.rootfs.diff_ids } : {}),
    },
    Metadata: { LastTagTime: record.lastTaggedAt ?? "0001-01-01T00:00:00Z" },
    Config: describeConfig(config.config ?? {}),
  };
}

/** The fields that Docker 28 prints always, and those that it prints when they are set. */
function describeConfig(config: ContainerConfig): ContainerConfig {
  const described: ContainerConfig = {};
  if (config.Healthcheck) described.Healthcheck = config.Healthcheck;
  if (config.ExposedPorts && Object.keys(config.ExposedPorts).length > 0) described.ExposedPorts = config.ExposedPorts;
  if (config.ArgsEscaped) described.ArgsEscaped = true;
  if (config.StopSignal) described.StopSignal = config.StopSignal;
  if (config.Shell && config.Shell.length > 0) described.Shell = config.Shell;
  return {
    ...described,
    Cmd: config.Cmd ?? null,
    Entrypoint: config.Entrypoint ?? null,
    Env: config.Env ?? null,
    Labels: config.Labels ?? null,
    OnBuild: config.OnBuild ?? null,
    User: config.User ?? "",
    Volumes: config.Volumes ?? null,
    WorkingDir: config.WorkingDir ?? "",
  };
}

/** Newest first; sizes are those of the unpacked layers. */
export function describeHistory(record: ImageRecord, image: LocalImage, records: ImageRecords): ImageHistoryItem[] {
  const items: ImageHistoryItem[] = [];
  let layer = 0;
  for (const entry of historyOf(record)) {
    const chainId = entry.empty_layer ? undefined : record.chainIds[layer++];
    const size = chainId === undefined ? 0 : (records.snapshots.get(chainId)?.sizeBytes ?? 0);
    items.unshift({
      Comment: entry.comment ?? "",
      Created: entry.created ? Math.floor(Date.parse(entry.created) / 1000) : 0,
      CreatedBy: entry.created_by ?? "",
      Id: "<missing>",
      Size: size,
      Tags: null,
    });
  }
  const top = items[0];
  if (top) {
    top.Id = record.id;
    top.Tags = image.repoTags.length > 0 ? image.repoTags : null;
  }
  return items;
}

/** Images without a history, or with too short a one, still have layers. */
function historyOf(record: ImageRecord): NonNullable<ImageRecord["config"]["history"]> {
  const history = [...(record.config.history ?? [])];
  const told = history.filter((entry) => !entry.empty_layer).length;
  for (let missing = record.chainIds.length - told; missing > 0; missing -= 1) {
    history.push({ created: record.config.created });
  }
  return history;
}
