/** Images as `docker inspect` and `docker history` print them. */
import type { ContainerConfig } from "../model/container.ts";
import type { HistoryEntry, ImageHistoryItem, ImageInspect } from "../model/image.ts";
import type { LocalImage } from "./contract.ts";
import type { ImageCatalog } from "./image-catalog.ts";
import type { ImageRecord, ImageRecords } from "./image-records.ts";

/** `image` is the view of one of the record's platforms; `layerDirs` come newest first. */
export function describeImage(record: ImageRecord, image: LocalImage, layerDirs: string[]): ImageInspect {
  const { config } = image;
  const [upper, ...lowers] = layerDirs;
  return {
    Id: record.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: image.parentId ?? "",
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
    Descriptor: record.descriptor,
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
export function describeHistory(image: LocalImage, catalog: ImageCatalog, records: ImageRecords): ImageHistoryItem[] {
  const parentOf = ({ parentId }: LocalImage) => (parentId === undefined ? undefined : catalog.find(parentId));
  const items: ImageHistoryItem[] = [];
  let layer = 0;
  for (const entry of historyOf(image)) {
    const chainId = entry.empty_layer ? undefined : image.chainIds[layer++];
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
  // The entry where an image that is here ends has its id and names.
  for (let known: LocalImage | undefined = image; known; known = parentOf(known)) {
    const length = historyOf(known).length;
    const item = items[items.length - length];
    if (!item) break;
    item.Id = known.id;
    item.Tags = known.repoTags.length > 0 ? known.repoTags : null;
  }
  return items;
}

/** Images without a history, or with too short a one, still have layers. */
function historyOf({ config, chainIds }: LocalImage): HistoryEntry[] {
  const history = [...(config.history ?? [])];
  const told = history.filter((entry) => !entry.empty_layer).length;
  for (let missing = chainIds.length - told; missing > 0; missing -= 1) {
    history.push({ created: config.created });
  }
  return history;
}
