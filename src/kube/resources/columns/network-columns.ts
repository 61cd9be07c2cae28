/** What `kubectl get` shows of services and what leads to them. */
import type { EndpointSubset, Endpoints, Service } from "../../../model/kubernetes/core.ts";
import type { EndpointSlice } from "../../../model/kubernetes/discovery.ts";
import type {
  Ingress,
  IngressClass,
  IPAddress,
  NetworkPolicy,
  ServiceCIDR,
} from "../../../model/kubernetes/networking.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { TableColumn } from "../../machinery/definition.ts";
import { labelSelectorText } from "../../machinery/selectors.ts";
import { AGE, labelsText, NAME, NONE, shortList, text, UNSET, wide } from "./column.ts";

function columns<T extends KubeObject>(...list: TableColumn<T>[]): readonly TableColumn<T>[] {
  return list;
}
const name = <T extends KubeObject>() => NAME as TableColumn<T>;
const age = <T extends KubeObject>() => AGE as TableColumn<T>;
/** Longer lists of addresses are cut off, except with -o wide, where clients print the same cell. */
const SHORT_ADDRESS = 16;

export const SERVICE_COLUMNS = columns<Service>(
  name(),
  text("Type", ({ spec }) => spec?.type ?? ""),
  text("Cluster-IP", ({ spec }) => spec?.clusterIPs?.[0] || spec?.clusterIP || NONE),
  text("External-IP", externalText),
  text("Port(s)", portsText),
  age(),
  wide("Selector", ({ spec }) => labelsText(spec?.selector)),
);

function externalText({ spec, status }: Stored<Service>): string {
  const given = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case "ExternalName":
      return spec.externalName ?? "";
    case "LoadBalancer": {
      const ingress = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
      const all = [...ingress, ...given];
      return all.length === 0 ? "<pending>" : all.join(",");
    }
    default:
      return given.length === 0 ? NONE : given.join(",");
  }
}

function portsText({ spec }: Stored<Service>): string {
  const ports = (spec?.ports ?? []).map(({ port, nodePort, protocol = "TCP" }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return ports.length === 0 ? NONE : ports.join(",");
}

export const ENDPOINTS_COLUMNS = columns<Endpoints>(
  name(),
  text("Endpoints", ({ subsets }) => shortList((subsets ?? []).flatMap(subsetAddresses))),
  age(),
);

function subsetAddresses({ addresses = [], ports }: EndpointSubset): string[] {
  if (ports === undefined || ports.length === 0) return addresses.map(({ ip }) => ip);
  return ports.flatMap(({ port }) => addresses.map(({ ip }) => `${ip}:${port}`));
}

export const SLICE_COLUMNS = columns<EndpointSlice>(
  name(),
  text("AddressType", ({ addressType }) => addressType),
  text("Ports", ({ ports }) => {
    if (ports === undefined || ports === null) return UNSET;
    return ports.length === 0 ? UNSET : shortList(ports.map(({ port, name: called }) => String(port ?? called ?? "*")));
  }),
  text("Endpoints", ({ endpoints }) => {
    const addresses = (endpoints ?? []).flatMap(({ addresses: list }) => list);
    return addresses.length === 0 ? UNSET : shortList(addresses);
  }),
  age(),
);

export const INGRESS_COLUMNS = columns<Ingress>(
  name(),
  text(
    "Class",
    ({ spec, metadata }) => spec?.ingressClassName ?? metadata.annotations?.["kubernetes.io/ingress.class"] ?? NONE,
  ),
  text("Hosts", ({ spec }) => {
    const hosts = (spec?.rules ?? []).map(({ host }) => host || "*");
    return hosts.length === 0 ? "*" : shortList(hosts);
  }),
  text("Address", ({ status }) => {
    const all = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "").join(",");
    return all.length > SHORT_ADDRESS * 4 ? `${all.slice(0, SHORT_ADDRESS)}...` : all;
  }),
  text("Ports", ({ spec }) => (spec?.tls?.length ? "80, 443" : "80")),
  age(),
);

export const INGRESS_CLASS_COLUMNS = columns<IngressClass>(
  name(),
  text("Controller", ({ spec }) => spec?.controller ?? ""),
  text("Parameters", ({ spec }) => {
    const { parameters } = spec ?? {};
    if (parameters === undefined) return NONE;
    const { apiGroup, kind, name: called } = parameters;
    return `${kind}${apiGroup ? `.${apiGroup}` : ""}/${called}`;
  }),
  age(),
);

export const NETWORK_POLICY_COLUMNS = columns<NetworkPolicy>(
  name(),
  text("Pod-Selector", ({ spec }) => labelSelectorText(spec?.podSelector) || NONE),
  age(),
);

export const SERVICE_CIDR_COLUMNS = columns<ServiceCIDR>(
  name(),
  text("CIDRs", ({ spec }) => (spec?.cidrs ?? []).join(",")),
  age(),
);

export const IP_ADDRESS_COLUMNS = columns<IPAddress>(
  name(),
  text("ParentRef", ({ spec }) => {
    const { group, resource, namespace, name: called } = spec?.parentRef ?? { resource: "", name: "" };
    return [group, resource, namespace, called]
      .filter((part) => part)
      .join("/")
      .toLowerCase();
  }),
  age(),
);
