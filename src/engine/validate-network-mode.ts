/** Conflicts between the network mode and other options, and the checks of wished endpoints, with Docker's words. */
import { isIPv4, isIPv6 } from "node:net";
import { NaruError } from "../lib/errors.ts";
import type { ContainerConfig, HostConfig } from "../model/container.ts";
import type { EndpointSettings, Network } from "../model/network.ts";

function conflict(message: string): never {
  throw new NaruError("invalid", `conflicting options: ${message}`);
}

/** @throws {NaruError} invalid */
export function validateNetworkMode(config: ContainerConfig, host: HostConfig): void {
  const mode = host.NetworkMode ?? "";
  if (host.UTSMode === "host" && config.Hostname) conflict("hostname and the UTS mode");
  const links = host.Links ?? [];
  if (mode === "host" && links.length > 0) {
    conflict("host type networking can't be used with links. This would result in undefined behavior");
  }
  if (!mode.startsWith("container:")) return;
  if (config.Hostname) conflict("hostname and the network mode");
  if (links.length > 0) {
    conflict("container type network can't be used with links. This would result in undefined behavior");
  }
  if (host.Dns?.length) conflict("dns and the network mode");
  if (host.ExtraHosts?.length) conflict("custom host-to-IP mapping and the network mode");
  if (Object.keys(host.PortBindings ?? {}).length > 0 || host.PublishAllPorts) {
    conflict("port publishing and the container type network mode");
  }
  if (Object.keys(config.ExposedPorts ?? {}).length > 0) {
    conflict("port exposing and the container type network mode");
  }
}

/** Networks that exist from the start and take no aliases or static addresses. */
export function isPredefinedNetwork(name: string): boolean {
  return name === "bridge" || name === "host" || name === "none" || name === "default";
}

/**
 * Complaints about the wished settings of one membership; empty when all is well. `network` may be unknown yet:
 * then only its name decides.
 */
export function endpointComplaints(name: string, settings: EndpointSettings, network: Network | undefined): string[] {
  const complaints: string[] = [];
  const isUserDefined = !isPredefinedNetwork(network?.Name ?? name);
  if (settings.Aliases?.length && !isUserDefined) {
    complaints.push("network-scoped alias is supported only for containers in user defined networks");
  }
  const { IPv4Address: v4, IPv6Address: v6, LinkLocalIPs } = settings.IPAMConfig ?? {};
  if ((v4 || v6) && !isUserDefined) {
    complaints.push("user specified IP address is supported on user defined networks only");
  }
  if (v4 && !isIPv4(v4)) complaints.push(`invalid IPv4 address: ${v4}`);
  if (v6 && !isIPv6(v6)) complaints.push(`invalid IPv6 address: ${v6}`);
  for (const address of LinkLocalIPs ?? []) {
    if (!isIPv4(address) && !isIPv6(address)) complaints.push(`invalid link-local IP address: ${address}`);
  }
  if ((v4 || v6) && !isUserDefined && name !== "bridge") {
    complaints.push(
      "user specified IP address is supported only when connecting to networks with user configured subnets",
    );
  }
  return complaints;
}

/** The complaints as one error text. */
export function endpointError(complaints: readonly string[]): string {
  const list = complaints.length === 1 ? complaints[0]! : complaints.map((text) => `* ${text}`).join("\n");
  return `invalid endpoint settings:\n${list}`;
}

/** The address in lower case with colons. @throws {NaruError} invalid */
export function checkMacAddress(network: string, address: string): string {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(address)) {
    throw new NaruError("invalid", `invalid config for network ${network}: invalid MAC address ${address}`);
  }
  return address.toLowerCase().replaceAll("-", ":");
}
