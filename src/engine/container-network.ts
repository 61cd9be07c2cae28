/** A container's network at its start and end: sandbox, the files under /etc, events. */
import { readFile, writeFile } from "node:fs/promises";
import { errorText, NaruError } from "../lib/errors.ts";
import type { EndpointSettings } from "../model/network.ts";
import type { SandboxRequest, SandboxState } from "../network/contract.ts";
import type { Container } from "./container.ts";
import { containerDir, type EngineContext } from "./engine-context.ts";
import { healthPlan } from "./health-monitor.ts";
import { resolveLinks } from "./links.ts";
import { isPredefinedNetwork } from "./validate-network-mode.ts";

/** What the runtime needs to know of a container's network. */
interface OpenNetwork {
  /** Undefined for the host's namespace. */
  namespacePath: string | undefined;
  /** Sockets of the name server, which the monitor keeps open while no daemon runs. */
  heldDescriptors: readonly number[];
  /** Of the container whose network is joined. */
  hostname?: string;
}

/** Opens what the network mode asks for (undone through `undo`) and writes hosts, hostname and resolv.conf. */
export async function openContainerNetwork(
  context: EngineContext,
  container: Container,
  undo: AsyncDisposableStack,
): Promise<OpenNetwork> {
  const { pod } = container.record;
  if (pod !== undefined) {
    const { networkNamespace: namespacePath, hostname } = context.pods.join(pod);
    return { namespacePath, heldDescriptors: [], hostname };
  }
  const mode = container.record.hostConfig.NetworkMode ?? "bridge";
  if (mode.startsWith("container:")) return joinNetwork(context, mode.slice("container:".length));
  if (mode === "host") {
    const [resolvConf, hosts] = await Promise.all([
      context.networks.hostResolvConf(),
      readFile("/etc/hosts", "utf8").catch(() => "127.0.0.1\tlocalhost\n"),
    ]);
    const extra = (container.record.hostConfig.ExtraHosts ?? []).map(hostsLine).join("");
    await writeIdentityFiles(context, container, { hosts: hosts + extra, resolvConf });
    return { namespacePath: undefined, heldDescriptors: [] };
  }
  const request = sandboxRequest(context, container);
  let sandbox: SandboxState;
  try {
    sandbox = await context.networks.openSandbox(request);
  } catch (error) {
    const kind = error instanceof NaruError ? error.kind : "internal";
    throw new NaruError(kind, `failed to set up container networking: ${errorText(error)}`, { cause: error });
  }
  undo.defer(() => context.networks.closeSandbox(container.id));
  await writeIdentityFiles(context, container, sandbox);
  return sandbox;
}

/** Idempotent; tells the events of the memberships that end. */
export async function closeContainerNetwork(context: EngineContext, container: Container): Promise<void> {
  const sandbox = context.networks.findSandbox(container.id);
  await context.networks.closeSandbox(container.id);
  publishMemberships(context, container, sandbox, "disconnect");
}

/** The events of all memberships of a container that starts or ends. */
export function publishMemberships(
  context: EngineContext,
  container: Container,
  sandbox: SandboxState | undefined,
  action: "connect" | "disconnect",
): void {
  if (sandbox === undefined) return;
  for (const [name, endpoint] of Object.entries(sandbox.endpoints)) {
    publishMembership(context, container, action, endpoint.NetworkID || name);
  }
}

/** The event of a container joining or leaving a network. */
export function publishMembership(
  context: EngineContext,
  container: Container,
  action: "connect" | "disconnect",
  networkRef: string,
): void {
  const found = context.networks.listNetworks().find(({ Id, Name }) => Id === networkRef || Name === networkRef);
  context.events.publish("network", action, found?.Id ?? networkRef, {
    container: container.id,
    name: found?.Name ?? networkRef,
    type: found?.Driver ?? "bridge",
  });
}

function hostsLine(entry: string): string {
  const at = entry.indexOf(":");
  return `${entry.slice(at + 1)}\t${entry.slice(0, at)}\n`;
}

/** hosts and resolv.conf as the sandbox has them now; called again when memberships change. */
export async function writeIdentityFiles(
  context: EngineContext,
  { record }: Container,
  { hosts, resolvConf }: { hosts: string; resolvConf: string },
): Promise<void> {
  const directory = containerDir(context, record.id);
  await Promise.all([
    writeFile(`${directory}/hosts`, hosts),
    writeFile(`${directory}/resolv.conf`, resolvConf),
    writeFile(`${directory}/hostname`, `${record.config.Hostname}\n`),
  ]);
}

function sandboxRequest(context: EngineContext, container: Container): SandboxRequest {
  const { record } = container;
  const { config, hostConfig: host } = record;
  const mode = host.NetworkMode ?? "bridge";
  const legacyLinks = isPredefinedNetwork(mode) ? resolveLinks(context, container) : [];
  return {
    containerId: record.id,
    containerName: record.name,
    hostname: config.Hostname ?? "",
    domainname: config.Domainname ?? "",
    endpoints: config.NetworkDisabled ? [] : wishedEndpoints(container, mode),
    portBindings: host.PortBindings ?? {},
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    publishAllPorts: host.PublishAllPorts ?? false,
    portSharing: portSharing(record),
    links: legacyLinks.map((link) => ({ containerId: link.container.id, alias: link.alias })),
    dns: host.Dns?.length ? host.Dns : (context.config.dns ?? []),
    dnsOptions: host.DnsOptions?.length ? host.DnsOptions : (context.config.dnsOptions ?? []),
    dnsSearch: host.DnsSearch?.length ? host.DnsSearch : (context.config.dnsSearch ?? []),
    extraHosts: host.ExtraHosts ?? [],
    macAddress: record.networks[mode]?.MacAddress || undefined,
  };
}

/**
 * Containers of one Compose service may publish the same port: connections are spread over them. (Docker refuses the second
 * one; so a service with a published port cannot be scaled there, nor replaced without a gap.)
 */
function portSharing({ config }: Container["record"]): SandboxRequest["portSharing"] {
  const { Labels: labels, Healthcheck, Shell } = config;
  const [project, service] = [labels?.["com.docker.compose.project"], labels?.["com.docker.compose.service"]];
  if (!project || !service || labels?.["com.docker.compose.oneoff"] === "True") return undefined;
  return { group: `${project}/${service}`, isHealthChecked: healthPlan(Healthcheck, Shell) !== undefined };
}

/** The mode's own network first: it gives the default route unless priorities say otherwise. */
function wishedEndpoints({ record }: Container, mode: string): { network: string; settings: EndpointSettings }[] {
  const names = Object.keys(record.networks).sort(
    (a, b) => Number(b === mode) - Number(a === mode) || (a < b ? -1 : 1),
  );
  return names.map((network) => {
    const settings = { ...record.networks[network]! };
    if (!isPredefinedNetwork(network) && network === mode && record.hostConfig.Links?.length) {
      settings.Links = [...new Set([...(settings.Links ?? []), ...record.hostConfig.Links])];
    }
    return { network, settings };
  });
}

function joinNetwork(context: EngineContext, ref: string): OpenNetwork {
  let peer: Container;
  try {
    peer = context.containers.get(ref);
  } catch (error) {
    throw new NaruError("internal", `joining network namespace of container: ${errorText(error)}`, { cause: error });
  }
  if (!peer.hasProcess) {
    const { status } = peer.record.state;
    const words =
      status === "restarting"
        ? `cannot join network of a restarting container: ${peer.id}`
        : `cannot join network namespace of a non running container: container ${peer.name} is ${status}`;
    throw new NaruError("conflict", words);
  }
  const isHost = peer.record.hostConfig.NetworkMode === "host";
  const path = context.networks.findSandbox(peer.id)?.namespacePath ?? `/proc/${peer.record.state.pid}/ns/net`;
  const hostname = peer.record.config.Hostname;
  return { namespacePath: isHost ? undefined : path, heldDescriptors: [], hostname };
}

/** What a record remembers of its memberships while the container is stopped: the wishes and the networks' ids. */
export function rememberedNetworks(
  wished: Record<string, EndpointSettings>,
  sandbox: SandboxState | undefined,
): Record<string, EndpointSettings> {
  if (sandbox === undefined) return wished;
  const entries = Object.entries(wished).map(([name, settings]) => {
    const live = sandbox.endpoints[name];
    return [name, { ...settings, NetworkID: live?.NetworkID ?? settings.NetworkID, DNSNames: undefined }] as const;
  });
  return Object.fromEntries(entries);
}
