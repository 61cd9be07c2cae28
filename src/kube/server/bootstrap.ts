/** What every cluster has from its first moment on: namespaces, roles, priorities, the API's own service. */
import { isIPv4 } from "node:net";
import type { ConfigMap, Endpoints, Namespace, Service } from "../../model/kubernetes/core.ts";
import type { EndpointSlice } from "../../model/kubernetes/discovery.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  ENDPOINT_SLICES,
  ENDPOINTS,
  NAMESPACES,
  PRIORITY_CLASSES,
  ROLES,
  SERVICE_CIDRS,
  SERVICES,
} from "../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { ensureFlowControl } from "../flow-control/flow-control-part.ts";
import { DEFAULT_SERVICE_CIDR } from "../resources/service-ranges.ts";
import { isStatus } from "../status.ts";
import { type ClusterAuthority, PROXY_CLIENT } from "./cluster-authority.ts";
import { DEFAULT_CLUSTER_ROLE_BINDINGS, DEFAULT_CLUSTER_ROLES, DEFAULT_ROLES } from "./default-roles.ts";

const NAMES = ["default", "kube-system", "kube-public", "kube-node-lease"];
/** Name and value of the classes that Kubernetes' own parts have. */
const PRIORITIES = { "system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000 };

interface ApiAddress {
  /** Inside the cluster: the first address of the services' range. */
  clusterIp: string;
  /** The range of services. */
  serviceCidr: string;
  /** Where it listens. */
  host: string;
  port: number;
}

/**
 * The address that the API's own service leads to. An API that listens on one address alone answers on no other; `machine` is the
 * one that others reach this machine by. Endpoints may not be addresses of the loopback: an API there is out of the pods' reach.
 */
export function endpointHost(listensOn: string, machine: string): string {
  return isIPv4(listensOn) && !/^(0\.0\.0\.0$|127\.)/.test(listensOn) ? listensOn : machine;
}

/** Makes what is missing, and leads the API's service to where it listens now. */
export async function ensureBootstrapObjects(
  client: ClusterClient,
  address: ApiAddress,
  authority: Pick<ClusterAuthority, "ca" | "frontProxy">,
): Promise<void> {
  await Promise.all(NAMES.map((name) => ensure(client, NAMESPACES, undefined, namespace(name))));
  await Promise.all([
    ...DEFAULT_CLUSTER_ROLES.map((role) => ensure(client, CLUSTER_ROLES, undefined, role)),
    ...DEFAULT_CLUSTER_ROLE_BINDINGS.map((binding) => ensure(client, CLUSTER_ROLE_BINDINGS, undefined, binding)),
    ...DEFAULT_ROLES.map((role) => ensure(client, ROLES, "kube-system", role)),
    ...Object.entries(PRIORITIES).map(([name, value]) =>
      ensure(client, PRIORITY_CLASSES, undefined, priority(name, value)),
    ),
    ensure(client, SERVICES, "default", apiService(address)),
    ensure(client, SERVICE_CIDRS, undefined, serviceRange(address)),
    ensureFlowControl(client),
  ]);
  await Promise.all([
    replace(client, CONFIG_MAPS, authenticationFacts(authority), (object) => object.data),
    replace(client, ENDPOINTS, apiEndpoints(address), (object) => object.subsets),
    replace(client, ENDPOINT_SLICES, apiSlice(address), (object) => [object.endpoints, object.ports]),
  ]);
}

async function ensure<T extends KubeObject>(
  client: ClusterClient,
  type: ResourceType<T>,
  namespace: string | undefined,
  object: T,
): Promise<void> {
  if (client.informer(type).get(namespace, object.metadata.name ?? "") !== undefined) return;
  try {
    await client.resource(type).create(namespace, object);
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
  }
}

/** Makes the object, or changes it when what `partOf` answers is not the same. */
async function replace<T extends KubeObject>(
  client: ClusterClient,
  type: ResourceType<T>,
  object: T,
  partOf: (object: T) => unknown,
): Promise<void> {
  const { namespace, name = "" } = object.metadata;
  const before: Stored<T> | undefined = client.informer(type).get(namespace, name);
  if (before === undefined) return await ensure(client, type, namespace, object);
  if (Bun.deepEquals(partOf(before), partOf(object))) return;
  await client
    .resource(type)
    .update({ ...structuredClone(before), ...object, metadata: structuredClone(before.metadata) });
}

function namespace(name: string): Namespace {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

function priority(name: string, value: number) {
  return {
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: { name },
    value,
    description: "Used for system critical pods that must run in the cluster.",
  };
}

/** How other servers know this one's users: by their certificates, or by headers that the front proxy vouches for. */
function authenticationFacts({ ca, frontProxy }: Pick<ClusterAuthority, "ca" | "frontProxy">): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "extension-apiserver-authentication", namespace: "kube-system" },
    data: {
      "client-ca-file": ca,
      "requestheader-client-ca-file": frontProxy.ca,
      "requestheader-allowed-names": JSON.stringify([PROXY_CLIENT.commonName]),
      "requestheader-username-headers": '["X-Remote-User"]',
      "requestheader-uid-headers": '["X-Remote-Uid"]',
      "requestheader-group-headers": '["X-Remote-Group"]',
      "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    },
  };
}

function serviceRange({ serviceCidr }: ApiAddress) {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "ServiceCIDR",
    metadata: { name: DEFAULT_SERVICE_CIDR },
    spec: { cidrs: [serviceCidr] },
  };
}

const LABELS = { component: "apiserver", provider: "kubernetes" };

function apiService({ clusterIp, port }: ApiAddress): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "kubernetes", namespace: "default", labels: LABELS },
    spec: {
      type: "ClusterIP",
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ports: [{ name: "https", protocol: "TCP", port: 443, targetPort: port }],
    },
  };
}

function apiEndpoints({ host, port }: ApiAddress): Endpoints {
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    // The slice is made beside it: it must not be mirrored.
    metadata: {
      name: "kubernetes",
      namespace: "default",
      labels: { "endpointslice.kubernetes.io/skip-mirror": "true" },
    },
    subsets: [{ addresses: [{ ip: host }], ports: [{ name: "https", port, protocol: "TCP" }] }],
  };
}

function apiSlice({ host, port }: ApiAddress): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "kubernetes", namespace: "default", labels: { "kubernetes.io/service-name": "kubernetes" } },
    addressType: "IPv4",
    endpoints: [{ addresses: [host], conditions: { ready: true } }],
    ports: [{ name: "https", port, protocol: "TCP" }],
  };
}
