/** What network policies allow the pods of this node, as boxes of addresses, protocols and ports. Pure. */

import { addressRange, EVERYWHERE, type Span, without } from "../../lib/address-spans.ts";
import type { Pod } from "../../model/kubernetes/core.ts";
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from "../../model/kubernetes/networking.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { labelSelectorMatcher } from "../machinery/selectors.ts";

export type PolicyDirection = "ingress" | "egress";

/** Connections that a pod may have: with these addresses, of these protocols (numbers of IANA), to these ports. Bounds belong to it. */
export interface Opening {
  peers: Span;
  protocols: Span;
  ports: Span;
}

/** A pod that at least one policy of the direction selects: what none of the openings holds is refused. */
export interface IsolatedPod {
  ip: string;
  direction: PolicyDirection;
  openings: Opening[];
}

/** A pod with its address on the pods' network; those on the host's network are the node itself, which policies do not touch. */
export interface PlacedPod {
  pod: Stored<Pod>;
  ip: string;
}

type Labels = Readonly<Record<string, string>> | undefined;

const PROTOCOL_NUMBER: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };
const EVERY_PROTOCOL: Span = [0, 255];
const EVERY_PORT: Span = [0, 65_535];

/**
 * The pods of this node that policies isolate, with what is allowed them (networking.k8s.io/v1: allowances add up, no policy forbids).
 * @param labelsOf the labels of a namespace
 */
export function isolatedPods(
  policies: readonly Stored<NetworkPolicy>[],
  pods: readonly PlacedPod[],
  labelsOf: (namespace: string) => Labels,
): IsolatedPod[] {
  const found = new Map<string, IsolatedPod>();
  for (const { metadata, spec } of policies) {
    const selects = labelSelectorMatcher(spec?.podSelector ?? {});
    const subjects = pods.filter(
      ({ pod }) => pod.metadata.namespace === metadata.namespace && selects(pod.metadata.labels),
    );
    const types = spec?.policyTypes ?? [];
    const rules = {
      ingress: (spec?.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports })),
      egress: (spec?.egress ?? []).map(({ to, ports }) => ({ peers: to, ports })),
    };
    for (const direction of ["ingress", "egress"] as const) {
      if (!types.includes(direction === "ingress" ? "Ingress" : "Egress")) continue;
      const peers = rules[direction].map((rule) => peersOf(rule.peers, metadata.namespace!, pods, labelsOf));
      for (const subject of subjects) {
        const key = `${direction} ${subject.ip}`;
        const isolated = found.get(key) ?? { ip: subject.ip, direction, openings: [] };
        found.set(key, isolated);
        rules[direction].forEach(({ ports }, at) => {
          isolated.openings.push(...openings(direction, subject, peers[at]!, ports));
        });
      }
    }
  }
  return [...found.values()];
}

/** Addresses that a rule names; with the pod where it is one, since ports by name are the pod's own. */
interface Peer {
  span: Span;
  pod?: Stored<Pod>;
}

function peersOf(
  peers: readonly NetworkPolicyPeer[] | undefined,
  namespace: string,
  pods: readonly PlacedPod[],
  labelsOf: (namespace: string) => Labels,
): Peer[] {
  // No list, or an empty one: everybody.
  if (peers === undefined || peers.length === 0) return [{ span: EVERYWHERE }];
  return peers.flatMap(({ ipBlock, podSelector, namespaceSelector }) => {
    if (ipBlock !== undefined) {
      const whole = addressRange(ipBlock.cidr);
      const holes = (ipBlock.except ?? []).map(addressRange).filter((span) => span !== undefined);
      return whole === undefined ? [] : without(whole, holes).map((span) => ({ span }));
    }
    const inNamespace = namespaceSelector && labelSelectorMatcher(namespaceSelector);
    const selects = labelSelectorMatcher(podSelector ?? {});
    return pods
      .filter(({ pod: { metadata } }) => {
        const itsNamespace = metadata.namespace!;
        const isThere = inNamespace === undefined ? itsNamespace === namespace : inNamespace(labelsOf(itsNamespace));
        return isThere && selects(metadata.labels);
      })
      .map(({ pod, ip }) => ({ span: addressRange(`${ip}/32`)!, pod }));
  });
}

function openings(
  direction: PolicyDirection,
  subject: PlacedPod,
  peers: readonly Peer[],
  ports: readonly NetworkPolicyPort[] | undefined,
): Opening[] {
  return peers.flatMap(({ span, pod }) => {
    if (ports === undefined || ports.length === 0) {
      return [{ peers: span, protocols: EVERY_PROTOCOL, ports: EVERY_PORT }];
    }
    // Who is connected to has the port.
    const server = direction === "ingress" ? subject.pod : pod;
    return ports.flatMap((port) =>
      portSpans(port, server).map((found): Opening => {
        const protocol = PROTOCOL_NUMBER[port.protocol ?? "TCP"] ?? 0;
        return { peers: span, protocols: [protocol, protocol], ports: found };
      }),
    );
  });
}

function portSpans({ port, endPort, protocol = "TCP" }: NetworkPolicyPort, server: Stored<Pod> | undefined): Span[] {
  if (port === undefined) return [EVERY_PORT];
  if (typeof port === "number") return [[port, endPort ?? port]];
  const containers = server?.spec?.containers ?? [];
  return containers
    .flatMap((container) => container.ports ?? [])
    .filter((one) => one.name === port && (one.protocol ?? "TCP") === protocol)
    .map(({ containerPort }) => [containerPort, containerPort]);
}
