/** The cluster's name server, behind the service kube-system/kube-dns. */

import { forwardQuery } from "../../dns/forwarder.ts";
import { answeredAddresses, DNS_TYPE, type DnsAnswer, type DnsReply, encodeQuery } from "../../dns/message.ts";
import { NameServer } from "../../dns/name-server.ts";
import type { Service } from "../../model/kubernetes/core.ts";
import type { EndpointSlice } from "../../model/kubernetes/discovery.ts";
import { ENDPOINT_SLICES, NAMESPACES, SERVICES } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart, Informer, ResourceClient } from "../contract.ts";
import { copyOf } from "../machinery/copy.ts";
import { isStatus } from "../status.ts";
import { type NameSources, resolveClusterName } from "./cluster-names.ts";

const NAMESPACE = "kube-system";
const NAME = "kube-dns";
const SLICE = "kube-dns-naru";
const SERVICE_NAME = "kubernetes.io/service-name";
const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
const MOST_ALIASES = 8;

interface ClusterDnsOptions {
  client: ClusterClient;
  /** "cluster.local" */
  domain: string;
  /** The service's cluster address, which pods have in their resolv.conf. */
  clusterIp: string;
  /** An address of this machine that pods can reach: the server listens there. */
  listenAddress(signal: AbortSignal): Promise<string>;
  /** Servers for names that are not the cluster's. */
  upstream(): readonly string[];
}

export function createClusterDns(options: ClusterDnsOptions): ClusterPart {
  return { name: "cluster-dns", run: (signal) => run(options, signal) };
}

async function run(options: ClusterDnsOptions, signal: AbortSignal): Promise<void> {
  const { client, domain } = options;
  const services = client.informer(SERVICES);
  const slices = client.informer(ENDPOINT_SLICES);
  const sources = nameSources(services, slices, client);
  await Promise.all([services.synced, slices.synced, client.informer(NAMESPACES).synced]);
  const listenAddress = await options.listenAddress(signal);
  const place = { address: listenAddress, port: 0 };
  const server = new NameServer(
    { udp: place, tcp: place },
    {
      resolve: (name, type) => answer(sources, options, name, type),
      upstream: options.upstream,
    },
  );
  try {
    const ports = await server.listening();
    await ensureService(client, options);
    await ensureSlice(client, listenAddress, ports);
    if (signal.aborted) return;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  } finally {
    server.close();
  }

  async function answer(
    known: NameSources,
    { upstream }: ClusterDnsOptions,
    name: string,
    type: number,
  ): Promise<DnsReply | undefined> {
    const aliases: DnsAnswer[] = [];
    let asked = name;
    for (let hops = 0; hops < MOST_ALIASES; hops++) {
      const found = resolveClusterName(known, domain, asked, type);
      if (found === undefined && aliases.length === 0) return undefined;
      if (found === undefined) return { answers: [...aliases, ...(await outside(asked, type, upstream()))] };
      if (!("alias" in found)) {
        const answers = (found.answers ?? []).map((one) => (aliases.length === 0 ? one : { ...one, owner: asked }));
        return { ...found, answers: [...aliases, ...answers] };
      }
      aliases.push({ ...found.alias, owner: asked });
      asked = found.target.toLowerCase();
      if (type === DNS_TYPE.CNAME) break;
    }
    return { answers: aliases };
  }
}

/** What other servers say of a name that the cluster only points at; nothing when they do not answer. */
async function outside(name: string, type: number, servers: readonly string[]): Promise<DnsAnswer[]> {
  if (type !== DNS_TYPE.A && type !== DNS_TYPE.AAAA) return [];
  try {
    const id = Math.floor(Math.random() * 65_536);
    const reply = await forwardQuery(encodeQuery(id, name, type), servers, "udp");
    return answeredAddresses(reply).map(({ address, ttl }) => ({ type: "address", address, ttl, owner: name }));
  } catch {
    return [];
  }
}

function nameSources(services: Informer<Service>, slices: Informer<EndpointSlice>, client: ClusterClient): NameSources {
  const namespaces = client.informer(NAMESPACES);
  services.addIndex("cluster-address", ({ spec }) => spec?.clusterIPs ?? []);
  slices.addIndex("service", ({ metadata }) => {
    const name = metadata.labels?.[SERVICE_NAME];
    return name === undefined ? [] : [`${metadata.namespace}/${name}`];
  });
  slices.addIndex("named-address", ({ endpoints }) =>
    endpoints.filter(({ hostname }) => hostname !== undefined).flatMap(({ addresses }) => addresses),
  );
  return {
    service: (namespace, name) => services.get(namespace, name),
    hasNamespace: (name) => namespaces.get(undefined, name) !== undefined,
    slicesOf: (namespace, name) => slices.byIndex("service", `${namespace}/${name}`),
    serviceAt: (ip) => services.byIndex("cluster-address", ip)[0],
    namedEndpointAt(ip) {
      for (const slice of slices.byIndex("named-address", ip)) {
        const service = slice.metadata.labels?.[SERVICE_NAME];
        const endpoint = slice.endpoints.find((one) => one.hostname !== undefined && one.addresses.includes(ip));
        if (service !== undefined && endpoint !== undefined)
          return { namespace: slice.metadata.namespace ?? "", service, endpoint };
      }
      return undefined;
    },
  };
}

const PORTS = [
  { name: "dns", protocol: "UDP", port: 53 },
  { name: "dns-tcp", protocol: "TCP", port: 53 },
];

async function ensureService(client: ClusterClient, { clusterIp }: ClusterDnsOptions): Promise<void> {
  // Its own address is taken by itself: a second create would be refused for that.
  if (client.informer(SERVICES).get(NAMESPACE, NAME) !== undefined) return;
  const labels = { "k8s-app": "kube-dns", "kubernetes.io/name": "KubeDNS", "kubernetes.io/cluster-service": "true" };
  await createUnlessThere(client.resource(SERVICES), {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: NAME, namespace: NAMESPACE, labels },
    // No selector: the server is no pod; its endpoints are told below.
    spec: { clusterIP: clusterIp, ports: PORTS.map((port) => ({ ...port, targetPort: port.port })) },
  });
}

async function createUnlessThere<T extends Service>(resource: ResourceClient<T>, object: T): Promise<void> {
  try {
    await resource.create(object.metadata.namespace, object);
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
  }
}

async function ensureSlice(client: ClusterClient, address: string, ports: { udp: number; tcp: number }): Promise<void> {
  const slices = client.resource(ENDPOINT_SLICES);
  const wanted: EndpointSlice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: SLICE, namespace: NAMESPACE, labels: { [SERVICE_NAME]: NAME, [MANAGED_BY]: "naru" } },
    addressType: "IPv4",
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [
      { name: "dns", protocol: "UDP", port: ports.udp },
      { name: "dns-tcp", protocol: "TCP", port: ports.tcp },
    ],
  };
  const known: Stored<EndpointSlice> | undefined = client.informer(ENDPOINT_SLICES).get(NAMESPACE, SLICE);
  if (known === undefined) await slices.create(NAMESPACE, wanted);
  else
    await slices.update({ ...copyOf(known), ...wanted, metadata: { ...copyOf(known.metadata), ...wanted.metadata } });
}
