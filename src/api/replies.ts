/**
 * What differs between an object of the model and its JSON: the order of keys that Docker prints for types generated
 * from its specification, fields that an older API version had, and those that it did not know yet.
 */
import type { ContainerInspect, ContainerSummary } from "../model/container.ts";
import type { ImageHistoryItem, ImageInspect, ImageSummary } from "../model/image.ts";
import type { DiskUsage, EventMessage } from "../model/system.ts";
import type { Volume } from "../model/volume.ts";
import type { ApiVersion } from "./version.ts";

export function shapeContainerSummary(summary: ContainerSummary, version: ApiVersion): object {
  if (version >= 46 || summary.HostConfig.Annotations === undefined) return summary;
  return { ...summary, HostConfig: { NetworkMode: summary.HostConfig.NetworkMode } };
}

const PREDEFINED_NETWORKS = new Set(["bridge", "host", "none", "default"]);

export function shapeContainerInspect(inspect: ContainerInspect, version: ApiVersion): object {
  const { ImageManifestDescriptor, ...rest } = inspect;
  if (version < 45) addShortIdAliases(rest);
  return version >= 48 && ImageManifestDescriptor !== undefined ? inspect : rest;
}

/** Before 1.45 the short id was reported among the aliases on user-defined networks. */
function addShortIdAliases(inspect: Omit<ContainerInspect, "ImageManifestDescriptor">): void {
  const shortId = inspect.Id.slice(0, 12);
  const networks = Object.entries(inspect.NetworkSettings.Networks).map(([name, endpoint]) => {
    if (PREDEFINED_NETWORKS.has(name) || endpoint.Aliases?.includes(shortId)) return [name, endpoint] as const;
    return [name, { ...endpoint, Aliases: [...(endpoint.Aliases ?? []), shortId] }] as const;
  });
  inspect.NetworkSettings = { ...inspect.NetworkSettings, Networks: Object.fromEntries(networks) };
}

export function shapeImageSummary(image: ImageSummary, version: ApiVersion): object {
  const dangling = image.RepoTags.length === 0 && image.RepoDigests.length === 0;
  const legacyNames = version < 43 && dangling;
  return {
    Containers: image.Containers,
    Created: image.Created,
    ...(version >= 48 && image.Descriptor !== undefined ? { Descriptor: image.Descriptor } : {}),
    Id: image.Id,
    Labels: image.Labels,
    ...(version >= 47 && image.Manifests !== undefined ? { Manifests: image.Manifests } : {}),
    ParentId: image.ParentId,
    RepoDigests: legacyNames ? ["<none>@<none>"] : image.RepoDigests,
    RepoTags: legacyNames ? ["<none>:<none>"] : image.RepoTags,
    SharedSize: image.SharedSize,
    Size: image.Size,
    ...(version < 44 ? { VirtualSize: image.Size } : {}),
  };
}

const CONTAINER_CONFIG_DEFAULTS = {
  Hostname: "",
  Domainname: "",
  User: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: "",
  Volumes: null,
  WorkingDir: "",
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

export function shapeImageInspect(image: ImageInspect, version: ApiVersion): object {
  const { Descriptor, Manifests, Config, DockerVersion, Size, GraphDriver, RootFS, Metadata, ...first } = image;
  const { Author, Architecture, Variant, Os, OsVersion, ...beginning } = first;
  return {
    ...beginning,
    ContainerConfig: version < 45 ? CONTAINER_CONFIG_DEFAULTS : undefined,
    DockerVersion,
    Author,
    Architecture,
    Variant,
    Os,
    OsVersion,
    Size,
    VirtualSize: version < 44 ? Size : undefined,
    GraphDriver,
    RootFS,
    Metadata,
    Descriptor: version >= 48 ? Descriptor : undefined,
    Manifests,
    // Fields that only containers have were part of an image's configuration before 1.50.
    Config: version < 50 && Config !== null ? sorted({ ...CONTAINER_CONFIG_DEFAULTS, ...Config }) : Config,
  };
}

export function shapeHistoryItem(item: ImageHistoryItem): object {
  const { Comment, Created, CreatedBy, Id, Size, Tags } = item;
  return { Comment, Created, CreatedBy, Id, Size, Tags };
}

export function shapeVolume(volume: Volume): object {
  return sorted(volume.UsageData === undefined ? volume : { ...volume, UsageData: sorted(volume.UsageData) });
}

/** The fields of the API before 1.22 come first. */
export function shapeEvent({ status, id, from, ...event }: EventMessage): object {
  return { status, id, from, ...event };
}

const NO_FOREIGN_LAYERS = { AllowNondistributableArtifactsCIDRs: null, AllowNondistributableArtifactsHostnames: null };

/** Before 1.50 there were fields that tell nothing any more, and all were in alphabetical order. */
export function shapeInfo(info: Record<string, unknown>, version: ApiVersion): object {
  if (version >= 50) return info;
  const { FirewallBackend, RuncCommit, RegistryConfig, ...rest } = info as Record<string, object>;
  return sorted({
    ...rest,
    BridgeNfIptables: false,
    BridgeNfIp6tables: false,
    FirewallBackend: version < 49 ? undefined : FirewallBackend,
    RuncCommit:
      version < 49 && RuncCommit && "ID" in RuncCommit ? { Expected: RuncCommit.ID, ...RuncCommit } : RuncCommit,
    RegistryConfig: version < 47 ? { ...NO_FOREIGN_LAYERS, ...RegistryConfig } : RegistryConfig,
    // No runtime that naru knows keeps such a limit.
    KernelMemory: version < 42 ? false : undefined,
  });
}

/** Parts that were not asked for are null. */
export function shapeDiskUsage(usage: Partial<DiskUsage>, version: ApiVersion): object {
  return {
    LayersSize: usage.LayersSize ?? 0,
    Images: usage.Images?.map((image) => shapeImageSummary(image, version)) ?? null,
    Containers: usage.Containers?.map((container) => shapeContainerSummary(container, version)) ?? null,
    Volumes: usage.Volumes?.map(shapeVolume) ?? null,
    BuildCache: usage.BuildCache?.map(shapeCacheRecord) ?? null,
    ...(version < 42 ? { BuilderSize: sumOfSizes(usage.BuildCache ?? []) } : {}),
  };
}

function sumOfSizes(records: readonly object[]): number {
  return records.reduce((sum, record) => sum + ("Size" in record ? Number(record.Size) : 0), 0);
}

/** Docker leaves out the parents of a record that has none. */
function shapeCacheRecord(record: object): object {
  return Object.fromEntries(Object.entries(record).filter(([name, value]) => name !== "Parents" || value !== null));
}

/** Prints empty lists of deleted things as null, as Docker does for all but volumes. */
export function nullWhenEmpty<T>(items: readonly T[]): readonly T[] | null {
  return items.length === 0 ? null : items;
}

/** Keys in alphabetical order, without those that are undefined. */
function sorted(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
