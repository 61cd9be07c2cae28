/** Networks and memberships as the API shows them. Pure. */
import { NaruError } from "../lib/errors.ts";
import type { PortMap } from "../model/container.ts";
import type { EndpointSettings, Network } from "../model/network.ts";
import type { Filters } from "../model/system.ts";
import type { EndpointRecord, NetworkRecord, SandboxRecord } from "./network-records.ts";
import { PREDEFINED_NETWORKS } from "./network-request.ts";

const SHORT_ID_LENGTH = 12;

/** The network with its running containers; lists show it without them. */
export function showNetwork(record: NetworkRecord, sandboxes: Iterable<SandboxRecord>): Network {
  const network: Network = {
    Name: record.name,
    Id: record.id,
    Created: record.created,
    Scope: record.scope,
    Driver: record.driver,
    EnableIPv4: record.enableIPv4,
    EnableIPv6: record.enableIPv6,
    IPAM: { Driver: "default", Options: record.ipamOptions, Config: record.ipamConfig },
    Internal: record.internal,
    Attachable: record.attachable,
    Ingress: false,
    ConfigFrom: { Network: record.configFrom },
    ConfigOnly: record.configOnly,
    Containers: {},
    Options: record.options,
    Labels: record.labels,
  };
  for (const sandbox of sandboxes) {
    const endpoint = sandbox.endpoints.find(({ networkId }) => networkId === record.id);
    if (endpoint === undefined) continue;
    network.Containers![sandbox.containerId] = {
      Name: sandbox.containerName,
      EndpointID: endpoint.endpointId,
      MacAddress: endpoint.mac,
      IPv4Address: endpoint.ipv4 === undefined ? "" : `${endpoint.ipv4}/${endpoint.ipv4PrefixBits}`,
      IPv6Address: endpoint.ipv6 === undefined ? "" : `${endpoint.ipv6}/${endpoint.ipv6PrefixBits}`,
    };
  }
  return network;
}

/** The wished settings of a membership with its state filled in. */
export function showEndpoint(endpoint: EndpointRecord, sandbox: SandboxRecord): EndpointSettings {
  const { settings } = endpoint;
  return {
    IPAMConfig: settings.IPAMConfig ?? null,
    Links: settings.Links ?? null,
    Aliases: settings.Aliases ?? null,
    MacAddress: endpoint.mac,
    DriverOpts: settings.DriverOpts ?? null,
    GwPriority: settings.GwPriority ?? 0,
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.endpointId,
    Gateway: endpoint.ipv4Gateway ?? "",
    IPAddress: endpoint.ipv4 ?? "",
    IPPrefixLen: endpoint.ipv4PrefixBits ?? 0,
    IPv6Gateway: endpoint.ipv6Gateway ?? "",
    GlobalIPv6Address: endpoint.ipv6 ?? "",
    GlobalIPv6PrefixLen: endpoint.ipv6PrefixBits ?? 0,
    DNSNames: hasNames(endpoint) ? endpointNames(endpoint, sandbox) : null,
  };
}

/** Whether names are answered on this membership's network: on all but the predefined ones. */
export function hasNames(endpoint: EndpointRecord): boolean {
  return !PREDEFINED_NETWORKS.includes(endpoint.networkName);
}

/** The names that the container has on a network: its own, its aliases, its short id, its hostname. */
export function endpointNames(endpoint: EndpointRecord, sandbox: SandboxRecord): string[] {
  const names = [sandbox.containerName, ...(endpoint.settings.Aliases ?? [])];
  names.push(sandbox.containerId.slice(0, SHORT_ID_LENGTH), sandbox.hostname);
  return [...new Set(names)].filter((name) => name !== "");
}

/** Every exposed or published port; null where it is not published. */
export function showPorts(sandbox: SandboxRecord): PortMap {
  const ports: PortMap = {};
  // Ports lead to the endpoint with the default route; without one there is nothing to expose them on.
  if (sandbox.portTarget === undefined) return ports;
  for (const port of [...sandbox.exposedPorts, ...Object.keys(sandbox.portBindings)]) ports[withProtocol(port)] = null;
  for (const { protocol, containerPort, hostIp, hostPort } of sandbox.published) {
    const key = `${containerPort}/${protocol}`;
    const bindings = ports[key] ?? [];
    bindings.push({ HostIp: hostIp, HostPort: String(hostPort) });
    ports[key] = bindings;
  }
  return ports;
}

const withProtocol = (port: string): string => (port.includes("/") ? port.toLowerCase() : `${port}/tcp`);

const FILTERS = ["dangling", "driver", "id", "label", "name", "scope", "type"];

/** Whether the network passes the filters of a list. @throws {NaruError} invalid for unknown filters and values. */
export function matchesFilters(record: NetworkRecord, filters: Filters, isUsed: boolean): boolean {
  const some = (key: string, matches: (value: string) => boolean): boolean => {
    const values = filters.get(key);
    return values === undefined || values.length === 0 || values.some(matches);
  };
  const labels = (filters.get("label") ?? []).every((label) => hasLabel(record.labels, label));
  const isPredefined = PREDEFINED_NETWORKS.includes(record.name);
  return (
    labels &&
    some("dangling", (value) => (isTrue(value) ? !isUsed && !isPredefined : isUsed || isPredefined)) &&
    some("driver", (value) => record.driver === value) &&
    some("id", (value) => record.id.startsWith(value)) &&
    some("name", (value) => record.name.includes(value)) &&
    some("scope", (value) => record.scope === value) &&
    some("type", (value) => isPredefined === (value === "builtin"))
  );
}

/** @throws {NaruError} in Docker's words. */
export function checkFilters(filters: Filters): void {
  for (const [key, values] of filters) {
    if (!FILTERS.includes(key)) throw new NaruError("invalid", `invalid filter '${key}'`);
    if (key === "dangling" && values.length > 1) {
      throw new NaruError("invalid", 'got more than one value for filter key "dangling"');
    }
    for (const value of values) {
      if (key === "type" && value !== "builtin" && value !== "custom") {
        throw new NaruError("internal", `invalid filter: 'type'='${value}'`);
      }
      if (key === "dangling" && !["true", "1", "false", "0"].includes(value)) {
        const words = 'must be "true" (or "1"), or "false" (or "0")';
        throw new NaruError("invalid", `invalid value for filter 'dangling', ${words}`);
      }
    }
  }
}

const isTrue = (value: string): boolean => value === "true" || value === "1";

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf("=");
  return at < 0 ? wanted in labels : labels[wanted.slice(0, at)] === wanted.slice(at + 1);
}
