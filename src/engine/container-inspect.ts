/** The body of inspect, field by field as Docker 28 answers. */
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import type { ContainerConfig, ContainerInspect, MountPoint, NetworkSettings, PortMap } from "../model/container.ts";
import type { EndpointSettings } from "../model/network.ts";
import type { Container } from "./container.ts";
import type { MountRecord } from "./container-record.ts";
import { reportState } from "./container-state.ts";
import { containerDir, type EngineContext } from "./engine-context.ts";
import { linkTexts } from "./links.ts";
import { identityOwner } from "./resolve-mounts.ts";
import { isPredefinedNetwork } from "./validate-network-mode.ts";

export async function inspectContainer(
  context: EngineContext,
  ref: string,
  options: { size?: boolean } = {},
): Promise<ContainerInspect> {
  const container = context.containers.get(ref);
  const { record } = container;
  const [path = "", ...args] = [...(record.config.Entrypoint ?? []), ...(record.config.Cmd ?? [])];
  const directory = containerDir(context, identityOwner(context, container));
  // Docker names the files from the first start on, also when it failed.
  const hasFiles = record.hasBeenStarted || record.wasStartTried === true;
  const fileAt = (name: string) => (hasFiles ? `${directory}/${name}` : "");
  const sizes = options.size ? await containerSizes(context, container) : undefined;
  return {
    Id: record.id,
    Created: record.created,
    Path: path,
    Args: args,
    State: reportState(record.state, container.health),
    Image: record.imageId,
    ...(await manifestDescriptor(context, container)),
    ResolvConfPath: fileAt("resolv.conf"),
    HostnamePath: fileAt("hostname"),
    HostsPath: fileAt("hosts"),
    LogPath: hasFiles && record.hostConfig.LogConfig?.Type !== "local" ? record.logPath : "",
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: "overlay2",
    Platform: record.platform,
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: apparmorOption(record.hostConfig.SecurityOpt),
    ExecIDs: container.execIds.size > 0 ? [...container.execIds] : null,
    HostConfig: reportHostConfig(context, container),
    GraphDriver: { Data: graphDriverData(context, record.id), Name: "overlay2" },
    ...sizes,
    Mounts: mountPoints(context, container),
    Config: reportConfig(record),
    NetworkSettings: networkSettings(context, container),
  };
}

/** The profile that was asked for; what the default one is, the kernel decides at the start. */
function apparmorOption(options: readonly string[] | null | undefined): string {
  const asked = options?.findLast((option) => /^apparmor[=:]/.test(option));
  return asked?.slice("apparmor=".length) ?? "";
}

/** With the address that was wished for on the container's own network, as Docker shows it in its former place. */
function reportConfig({ config, hostConfig, networks }: Container["record"]): ContainerConfig {
  const mode = hostConfig.NetworkMode ?? "";
  const MacAddress = networks[mode]?.MacAddress;
  if (!MacAddress || (isPredefinedNetwork(mode) && mode !== "bridge")) return config;
  const { OnBuild, Labels, StopSignal, StopTimeout, Shell, ...before } = config;
  const after = { OnBuild, Labels, StopSignal, StopTimeout, Shell };
  return { ...before, MacAddress, ...after };
}

/** Which platform of an index the container stands on. */
async function manifestDescriptor(
  context: EngineContext,
  { record }: Container,
): Promise<Pick<ContainerInspect, "ImageManifestDescriptor">> {
  if (record.imageManifest === undefined || context.images.findImage(record.imageId) === undefined) return {};
  const manifests = await context.images.listManifests(record.imageId);
  const descriptor = manifests.find(({ ID }) => ID === record.imageManifest)?.Descriptor;
  return descriptor === undefined ? {} : { ImageManifestDescriptor: descriptor };
}

/** Bytes of the writable layer and of all layers together. */
export interface ContainerSizes {
  SizeRw: number;
  SizeRootFs: number;
}

export async function containerSizes(context: EngineContext, { record }: Container): Promise<ContainerSizes> {
  const layer = context.images.findContainerLayer(record.id);
  if (layer === undefined) throw new NaruError("not-found", `No such container: ${record.id}`);
  const SizeRw = await context.files.writableSize(layer);
  const imageBytes = context.images.findImage(record.imageId)?.sizeBytes ?? 0;
  return { SizeRw, SizeRootFs: SizeRw + imageBytes };
}

function reportHostConfig(context: EngineContext, { record }: Container) {
  if (record.links.length === 0 || !isPredefinedNetwork(record.hostConfig.NetworkMode ?? "")) return record.hostConfig;
  // The other containers may have been renamed.
  return { ...record.hostConfig, Links: linkTexts(context, record.name, record.links) };
}

function graphDriverData(context: EngineContext, id: string): Record<string, string> | null {
  const root = context.images.findContainerLayer(id)?.root;
  if (root === undefined) return null;
  return {
    ID: id,
    LowerDir: root.lowerDirs.join(":"),
    MergedDir: root.upperDir.replace(/[^/]+$/, "merged"),
    UpperDir: root.upperDir,
    WorkDir: root.workDir,
  };
}

/** Where Docker would mount the image; here only the container sees that. */
function imageMountPoint(context: EngineContext, { layerId, subpath }: MountRecord): string {
  const root = layerId === undefined ? undefined : context.images.findContainerLayer(layerId)?.root;
  if (root === undefined) return "";
  return join(root.upperDir.replace(/[^/]+$/, "merged"), subpath ?? "");
}

/** The Mounts of inspect and list. */
export function mountPoints(context: EngineContext, { record }: Container): MountPoint[] {
  return record.mounts
    .filter(({ isHidden }) => !isHidden)
    .map((mount) => ({
      Type: mount.type,
      ...(mount.type === "volume" || mount.type === "image" ? { Name: mount.name } : {}),
      Source: mount.type === "image" ? imageMountPoint(context, mount) : mount.source,
      Destination: mount.destination,
      ...(mount.type === "volume" ? { Driver: mount.driver } : {}),
      Mode: mount.mode,
      RW: !mount.readOnly,
      Propagation: mount.propagation,
    }));
}

/** A membership with every field that Docker shows, also while nothing is connected. */
function completeEndpoint(
  name: string,
  settings: EndpointSettings,
  container: Container,
  isKnown: (name: string) => boolean,
): EndpointSettings {
  const hasNames = !isPredefinedNetwork(name) && (settings.DNSNames !== undefined || isKnown(name));
  return {
    IPAMConfig: settings.IPAMConfig ?? null,
    Links: settings.Links ?? null,
    Aliases: settings.Aliases ?? null,
    MacAddress: settings.MacAddress ?? "",
    DriverOpts: settings.DriverOpts ?? null,
    GwPriority: settings.GwPriority ?? 0,
    NetworkID: settings.NetworkID ?? "",
    EndpointID: settings.EndpointID ?? "",
    Gateway: settings.Gateway ?? "",
    IPAddress: settings.IPAddress ?? "",
    IPPrefixLen: settings.IPPrefixLen ?? 0,
    IPv6Gateway: settings.IPv6Gateway ?? "",
    GlobalIPv6Address: settings.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: settings.GlobalIPv6PrefixLen ?? 0,
    DNSNames: settings.DNSNames ?? (hasNames ? dnsNames(container, settings) : null),
  };
}

function dnsNames({ record }: Container, settings: EndpointSettings): string[] {
  const names = [record.name, ...(settings.Aliases ?? []), record.id.slice(0, 12), record.config.Hostname ?? ""];
  return [...new Set(names.filter(Boolean))];
}

/** The memberships of a container, live where it runs, sorted by name. Never empty, except in another's network. */
export function reportNetworks(
  context: EngineContext,
  container: Container,
  sandbox = context.networks.findSandbox(container.id),
): Record<string, EndpointSettings> {
  const { record } = container;
  const live = sandbox?.endpoints ?? {};
  const isKnown = (wanted: string) => context.networks.listNetworks().some(({ Name }) => Name === wanted);
  const names = [...new Set([...Object.keys(record.networks), ...Object.keys(live)])].sort();
  const entries = names.map((name) => {
    const settings = { ...record.networks[name], ...live[name] };
    if (container.hasProcess && name === "host") {
      settings.NetworkID = context.networks.listNetworks().find(({ Name }) => Name === name)?.Id;
      // There is no endpoint to name; clients want one name for it all the same.
      settings.EndpointID = new Bun.CryptoHasher("sha256").update(`${record.id}/host`).digest("hex");
    }
    return [name, completeEndpoint(name, settings, container, isKnown)] as const;
  });
  return Object.fromEntries(entries);
}

/** Ports of a running container; empty for a stopped one. */
export function reportPorts(
  context: EngineContext,
  container: Container,
  sandbox = context.networks.findSandbox(container.id),
): PortMap {
  const ports = sandbox?.ports ?? {};
  const names = Object.keys(ports).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1));
  return Object.fromEntries(names.map((name) => [name, ports[name] ?? null]));
}

function networkSettings(context: EngineContext, container: Container): NetworkSettings {
  const sandbox = context.networks.findSandbox(container.id);
  const networks = reportNetworks(context, container);
  const bridge = networks.bridge;
  return {
    Bridge: "",
    SandboxID: sandbox?.sandboxId ?? "",
    SandboxKey: sandbox?.namespacePath ?? "",
    Ports: reportPorts(context, container),
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.EndpointID ?? "",
    Gateway: bridge?.Gateway ?? "",
    GlobalIPv6Address: bridge?.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: bridge?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: bridge?.IPAddress ?? "",
    IPPrefixLen: bridge?.IPPrefixLen ?? 0,
    IPv6Gateway: bridge?.IPv6Gateway ?? "",
    MacAddress: bridge?.MacAddress ?? "",
    Networks: networks,
  };
}
