/** The networks' part of the engine: memberships of containers, running or not, and events. */
import { NaruError } from "../lib/errors.ts";
import type { EndpointSettings, Network } from "../model/network.ts";
import type { Filters } from "../model/system.ts";
import { parseRfc3339 } from "./clock.ts";
import type { Container } from "./container.ts";
import { publishMembership, writeIdentityFiles } from "./container-network.ts";
import type { NetworkService } from "./contract.ts";
import type { EngineContext } from "./engine-context.ts";
import { passesLabelFilters, requireKnownFilters, untilFilter } from "./filter-values.ts";
import { checkMacAddress, endpointComplaints, endpointError, isPredefinedNetwork } from "./validate-network-mode.ts";

export function createNetworkService(context: EngineContext): NetworkService {
  const { networks } = context;
  return {
    list: async (filters) => networks.listNetworks(filters),
    async inspect(ref, { scope }) {
      const network = networks.getNetwork(ref);
      if (scope !== "" && scope !== network.Scope) throw new NaruError("not-found", `network ${ref} not found`);
      return network;
    },
    async create(request) {
      const { id, warning } = await networks.createNetwork(request);
      publishNetworkEvent(context, "create", networks.getNetwork(id));
      return { Id: id, Warning: warning };
    },
    async remove(ref) {
      const network = await networks.removeNetwork(ref);
      publishNetworkEvent(context, "destroy", network);
    },
    connect: (ref, containerRef, settings) => connect(context, ref, containerRef, settings ?? {}),
    disconnect: (ref, containerRef, options) => disconnect(context, ref, containerRef, options),
    prune: (filters) => pruneNetworks(context, filters),
  };
}

function publishNetworkEvent(context: EngineContext, action: string, { Id, Name, Driver }: Network): void {
  context.events.publish("network", action, Id, { name: Name, type: Driver });
}

async function connect(
  context: EngineContext,
  ref: string,
  containerRef: string,
  given: EndpointSettings,
): Promise<void> {
  const container = context.containers.get(containerRef);
  const network = context.networks.getNetwork(ref);
  const settings = { ...given };
  if (settings.MacAddress) settings.MacAddress = checkMacAddress(network.Name, settings.MacAddress);
  const wishes = context.networks.addressComplaints(network.Name, settings);
  const complaints = [...endpointComplaints(network.Name, settings, network), ...wishes];
  if (complaints.length > 0) throw new NaruError("invalid", endpointError(complaints));
  using _turn = await context.locks.acquire(container.id);
  refuseMembership(container, network);
  if (container.hasProcess) {
    const sandbox = await context.networks.connect(container.id, network.Name, settings);
    await writeIdentityFiles(context, container, sandbox);
    settings.NetworkID = network.Id;
  }
  const memberships = { ...container.record.networks, [network.Name]: settings };
  await context.containers.note(container, { networks: memberships });
  if (container.hasProcess) publishMembership(context, container, "connect", network.Id);
}

/** @throws {NaruError} in Docker's words where a membership cannot be */
function refuseMembership(container: Container, network: Network): void {
  const { status } = container.record.state;
  const mode = container.record.hostConfig.NetworkMode ?? "bridge";
  if (status === "removing" || status === "dead") {
    throw new NaruError(
      "conflict",
      `Container ${container.id} is marked for removal and cannot be connected or disconnected to the network`,
    );
  }
  if (mode.startsWith("container:")) {
    throw new NaruError(
      "invalid",
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  }
  if (network.Name === "host") {
    throw new NaruError(
      "invalid",
      "cannot connect container to host network - container must be created in host network mode",
    );
  }
  if (mode === "host") {
    throw new NaruError(
      "invalid",
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  }
  if (network.Name === "none" || mode === "none") {
    throw new NaruError(
      "invalid",
      "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    );
  }
  if (container.hasProcess && Object.hasOwn(container.record.networks, network.Name)) {
    throw new NaruError("forbidden", `endpoint with name ${container.name} already exists in network ${network.Name}`);
  }
}

async function disconnect(
  context: EngineContext,
  ref: string,
  containerRef: string,
  options: { force: boolean },
): Promise<void> {
  const network = context.networks.getNetwork(ref);
  const container = context.containers.find(containerRef);
  if (container === undefined && options.force) {
    throw new NaruError("not-found", `endpoint ${containerRef} not found`);
  }
  return await disconnectContainer(context, network, container ?? context.containers.get(containerRef), options);
}

async function disconnectContainer(
  context: EngineContext,
  network: Network,
  container: Container,
  options: { force: boolean },
): Promise<void> {
  using _turn = await context.locks.acquire(container.id);
  const { [network.Name]: membership, ...others } = container.record.networks;
  if (membership === undefined) {
    // Docker's words differ by one between the two.
    const the = container.hasProcess ? "" : "the ";
    throw new NaruError("internal", `container ${container.id} is not connected to ${the}network ${network.Name}`);
  }
  if (network.Name === "host" && container.hasProcess) {
    throw new NaruError(
      "invalid",
      "cannot disconnect container from host network - container was created in host network mode",
    );
  }
  if (container.hasProcess && !isPrivate(container)) {
    const sandbox = await context.networks.disconnect(container.id, network.Name, options);
    await writeIdentityFiles(context, container, sandbox);
  }
  await context.containers.note(container, { networks: others });
  if (container.hasProcess) publishMembership(context, container, "disconnect", network.Id);
}

function isPrivate({ record }: Container): boolean {
  return record.hostConfig.NetworkMode === "none";
}

async function pruneNetworks(context: EngineContext, filters: Filters): Promise<{ NetworksDeleted: string[] | null }> {
  requireKnownFilters(filters, ["label", "label!", "until"]);
  const until = untilFilter(filters);
  const removed: string[] = [];
  for (const network of context.networks.listNetworks()) {
    if (isPredefinedNetwork(network.Name)) continue;
    if (until !== undefined && (parseRfc3339(network.Created) ?? 0n) > until) continue;
    if (!passesLabelFilters(network.Labels, filters)) continue;
    const isUsed = context.containers
      .list()
      .some(({ record, hasProcess }) => hasProcess && record.networks[network.Name]);
    if (isUsed) continue;
    try {
      publishNetworkEvent(context, "destroy", await context.networks.removeNetwork(network.Id));
      removed.push(network.Name);
    } catch (error) {
      // Somebody has connected to it meanwhile.
      if (!(error instanceof NaruError && error.kind === "forbidden")) throw error;
    }
  }
  context.events.publish("network", "prune", "", { reclaimed: "0" });
  return { NetworksDeleted: removed.length > 0 ? removed : null };
}
