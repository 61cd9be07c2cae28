/** Ingresses and network policies. */

import { INGRESSES, NETWORK_POLICIES } from "../../model/kubernetes/names.ts";
import type {
  Ingress,
  IngressBackend,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from "../../model/kubernetes/networking.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, forbidden, invalid, required } from "../machinery/field-error.ts";
import { dns1035LabelFaults, dnsSubdomainFaults, portNameFaults, portNumberFaults } from "../name-rules.ts";
import { oneOf, selectorFaults } from "./common-rules.ts";
import { statusUpdate } from "./status-update.ts";

const PATH_TYPES = ["Exact", "ImplementationSpecific", "Prefix"];

export const ingresses: ResourceDefinition<Ingress> = {
  type: INGRESSES,
  singular: "ingress",
  shortNames: ["ing"],
  generation: true,
  partialUpdates: { status: statusUpdate() },
  prepareCreate(ingress) {
    ingress.status = { loadBalancer: {} };
  },
  validate({ spec }) {
    const faults: FieldError[] = [];
    if ((spec?.rules ?? []).length === 0 && spec?.defaultBackend === undefined) {
      faults.push(invalid("spec", spec?.rules ?? [], "either `defaultBackend` or `rules` must be specified"));
    }
    if (spec?.defaultBackend !== undefined) faults.push(...backendFaults("spec.defaultBackend", spec.defaultBackend));
    for (const [index, rule] of (spec?.rules ?? []).entries()) {
      const at = `spec.rules[${index}]`;
      faults.push(...hostFaults(`${at}.host`, rule.host));
      if (rule.http !== undefined && (rule.http.paths ?? []).length === 0) faults.push(required(`${at}.http.paths`));
      for (const [place, path] of (rule.http?.paths ?? []).entries()) {
        const where = `${at}.http.paths[${place}]`;
        if (!path.pathType) faults.push(required(`${where}.pathType`, "pathType must be specified"));
        else faults.push(...oneOf(`${where}.pathType`, path.pathType, PATH_TYPES));
        faults.push(...pathFaults(`${where}.path`, path.path ?? "", path.pathType));
        faults.push(...backendFaults(`${where}.backend`, path.backend));
      }
    }
    for (const [index, tls] of (spec?.tls ?? []).entries()) {
      for (const [place, host] of (tls.hosts ?? []).entries())
        faults.push(...hostFaults(`spec.tls[${index}].hosts[${place}]`, host));
    }
    return faults;
  },
};

function hostFaults(field: string, host: string | undefined): FieldError[] {
  if (!host) return [];
  const name = host.startsWith("*.") ? host.slice(2) : host;
  return dnsSubdomainFaults(name).map((why) => invalid(field, host, why));
}

function pathFaults(field: string, path: string, type: string | undefined): FieldError[] {
  if (type === "ImplementationSpecific" && path === "") return [];
  if (!path.startsWith("/")) return [invalid(field, path, "must be an absolute path")];
  if (type === "ImplementationSpecific") return [];
  const bad = ["//", "/./", "/../", "%2f", "%2F"].find((part) => path.includes(part));
  if (bad !== undefined) return [invalid(field, path, `must not contain '${bad}'`)];
  const end = ["/..", "/."].find((part) => path.endsWith(part));
  return end === undefined ? [] : [invalid(field, path, `cannot end with '${end}'`)];
}

function backendFaults(field: string, backend: IngressBackend | undefined): FieldError[] {
  if (backend?.resource !== undefined && backend.service !== undefined) {
    return [invalid(field, "", "cannot set both resource and service backends")];
  }
  if (backend?.resource !== undefined) return backend.resource.name ? [] : [required(`${field}.resource.name`)];
  const service = backend?.service;
  if (service === undefined) return [required(field, "must specify a service or resource backend")];
  const faults: FieldError[] = [];
  if (!service.name) faults.push(required(`${field}.service.name`));
  else
    faults.push(...dns1035LabelFaults(service.name).map((why) => invalid(`${field}.service.name`, service.name, why)));
  const { name, number } = service.port ?? {};
  if (name && number) faults.push(invalid(field, "", "cannot set both port name & port number"));
  else if (name) faults.push(...portNameFaults(name).map((why) => invalid(`${field}.service.port.name`, name, why)));
  else if (number)
    faults.push(...portNumberFaults(number).map((why) => invalid(`${field}.service.port.number`, number, why)));
  else faults.push(required(field, "port name or number is required"));
  return faults;
}

export const networkPolicies: ResourceDefinition<NetworkPolicy> = {
  type: NETWORK_POLICIES,
  singular: "networkpolicy",
  shortNames: ["netpol"],
  generation: true,
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.policyTypes ??= spec.egress === undefined ? ["Ingress"] : ["Ingress", "Egress"];
    for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
      for (const port of rule.ports ?? []) port.protocol ||= "TCP";
    }
  },
  validate({ spec }) {
    const faults = selectorFaults("spec.podSelector", spec?.podSelector);
    for (const type of spec?.policyTypes ?? []) faults.push(...oneOf("spec.policyTypes", type, ["Egress", "Ingress"]));
    for (const [index, rule] of (spec?.ingress ?? []).entries()) {
      const at = `spec.ingress[${index}]`;
      faults.push(...policyPortFaults(`${at}.ports`, rule.ports), ...peerFaults(`${at}.from`, rule.from));
    }
    for (const [index, rule] of (spec?.egress ?? []).entries()) {
      const at = `spec.egress[${index}]`;
      faults.push(...policyPortFaults(`${at}.ports`, rule.ports), ...peerFaults(`${at}.to`, rule.to));
    }
    return faults;
  },
};

function policyPortFaults(field: string, ports: readonly NetworkPolicyPort[] | undefined): FieldError[] {
  return (ports ?? []).flatMap((port, index) => {
    const at = `${field}[${index}]`;
    const faults = oneOf(`${at}.protocol`, port.protocol, ["SCTP", "TCP", "UDP"]);
    if (typeof port.port === "number")
      faults.push(...portNumberFaults(port.port).map((why) => invalid(`${at}.port`, port.port, why)));
    else if (port.port !== undefined)
      faults.push(...portNameFaults(port.port).map((why) => invalid(`${at}.port`, port.port, why)));
    if (port.endPort !== undefined) {
      if (typeof port.port !== "number")
        faults.push(required(`${at}.port`, "must be specified as a number when `endPort` is specified"));
      else if (port.endPort < port.port) {
        faults.push(invalid(`${at}.endPort`, port.endPort, "must be greater than or equal to `port`"));
      }
    }
    return faults;
  });
}

const CIDR = /^(\d{1,3}(\.\d{1,3}){3}\/([0-9]|[12][0-9]|3[0-2])|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\/\d{1,3})$/;

function peerFaults(field: string, peers: readonly NetworkPolicyPeer[] | undefined): FieldError[] {
  return (peers ?? []).flatMap((peer, index) => {
    const at = `${field}[${index}]`;
    const faults = selectorFaults(`${at}.podSelector`, peer.podSelector);
    faults.push(...selectorFaults(`${at}.namespaceSelector`, peer.namespaceSelector));
    if (peer.ipBlock !== undefined) {
      if (peer.podSelector !== undefined || peer.namespaceSelector !== undefined) {
        faults.push(forbidden(at, "may not specify both ipBlock and another peer"));
      }
      for (const [name, cidrs] of [
        ["cidr", [peer.ipBlock.cidr]],
        ["except", peer.ipBlock.except ?? []],
      ] as const) {
        for (const cidr of cidrs) {
          if (!CIDR.test(cidr ?? ""))
            faults.push(
              invalid(
                `${at}.ipBlock.${name}`,
                cidr ?? "",
                "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
              ),
            );
        }
      }
    } else if (Object.keys(peer).length === 0) faults.push(required(at, "must specify a peer"));
    return faults;
  });
}
