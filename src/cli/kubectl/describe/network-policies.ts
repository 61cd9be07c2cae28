/** Who may speak with whom, and who serves ingresses. */

import type {
  IngressClass,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from "../../../model/kubernetes/networking.ts";
import { annotationLines, labelLines, selectorOf } from "./describer.ts";

/** Who serves the ingresses of a class. */
export function ingressClassLines({ metadata = {}, spec }: IngressClass): string[] {
  const { apiGroup, kind, name } = spec?.parameters ?? {};
  return [
    `Name:\t${metadata.name}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `Controller:\t${spec?.controller ?? ""}`,
    ...(spec?.parameters === undefined
      ? []
      : ["Parameters:", ...(apiGroup ? [`  APIGroup:\t${apiGroup}`] : []), `  Kind:\t${kind}`, `  Name:\t${name}`]),
  ];
}

interface Rule {
  readonly ports: readonly NetworkPolicyPort[];
  readonly peers: readonly NetworkPolicyPeer[];
}

/** Who may connect to the chosen pods, and where those may connect to. */
export function networkPolicyLines({ metadata = {}, spec }: NetworkPolicy): string[] {
  const types = spec?.policyTypes ?? [];
  const created = (metadata.creationTimestamp ?? "").replace("T", " ").replace("Z", " +0000 UTC");
  const ingress = (spec?.ingress ?? []).map(({ from = [], ports = [] }) => ({ peers: from, ports }));
  const egress = (spec?.egress ?? []).map(({ to = [], ports = [] }) => ({ peers: to, ports }));
  const chosen = selectorOf(spec?.podSelector);
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    `Created on:\t${created}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    "Spec:",
    `  PodSelector:     ${chosen === "<none>" ? "<none> (Allowing the specific traffic to all pods in this namespace)" : chosen}`,
    ...directionLines("ingress", types.includes("Ingress"), ingress, "From", "source"),
    ...directionLines("egress", types.includes("Egress"), egress, "To", "destination"),
    `  Policy Types: ${types.join(", ")}`,
  ];
}

function directionLines(name: string, isMeant: boolean, rules: readonly Rule[], side: string, what: string): string[] {
  if (!isMeant) return [`  Not affecting ${name} traffic`];
  const pad = "    ";
  if (rules.length === 0)
    return [`  Allowing ${name} traffic:`, `${pad}<none> (Selected pods are isolated for ${name} connectivity)`];
  return [
    `  Allowing ${name} traffic:`,
    ...rules.flatMap(({ ports, peers }, at) => [
      ...(at > 0 ? [`${pad}----------`] : []),
      ...(ports.length === 0
        ? [`${pad}To Port: <any> (traffic allowed to all ports)`]
        : ports.map(({ port, endPort, protocol = "TCP" }) => {
            const range = endPort === undefined ? `${port ?? "<any>"}` : `${port}-${endPort}`;
            return `${pad}To Port: ${range}/${protocol}`;
          })),
      ...(peers.length === 0
        ? [`${pad}${side}: <any> (traffic not restricted by ${what})`]
        : peers.flatMap((peer) => [`${pad}${side}:`, ...peerLines(peer, `${pad}  `)])),
    ]),
  ];
}

function peerLines({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, pad: string): string[] {
  if (ipBlock !== undefined) {
    const except = ipBlock.except ?? [];
    return [`${pad}IPBlock:`, `${pad}  CIDR: ${ipBlock.cidr}`, `${pad}  Except: ${except.join(", ")}`];
  }
  return [
    ...(namespaceSelector === undefined ? [] : [`${pad}NamespaceSelector: ${selectorOf(namespaceSelector)}`]),
    ...(podSelector === undefined ? [] : [`${pad}PodSelector: ${selectorOf(podSelector)}`]),
  ];
}
