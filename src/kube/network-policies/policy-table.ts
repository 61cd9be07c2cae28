/**
 * The nftables table of a cluster's network policies, as data. Pods and what is open to them are elements of its sets; its rules never
 * change. It looks at what is forwarded, after the translation of services: at the addresses of the pods themselves.
 *
 * What the rules say, in their order: what has begun goes on; who connects to an isolated pod, or is one, needs an opening.
 */

import { addressRange } from "../../lib/address-spans.ts";
import type { Expression } from "../../linux/nftables-expression.ts";
import { joinFields, type NftTable, portField } from "../../linux/nftables-message.ts";
import type { PlacedElement } from "../../linux/nftables-table.ts";
import { takenApart } from "./apart.ts";
import type { IsolatedPod, PolicyDirection } from "./policy-rules.ts";

const IPV4 = 2;
const ESTABLISHED_OR_RELATED = 2 | 4;
/** Offsets in the IPv4 header. */
const SOURCE = 12;
const DESTINATION = 16;
/** The first of the 4-byte registers; a key fills it and those after it. */
const KEY = 8;

const isolatedSet = (direction: PolicyDirection) => `${direction}-isolated`;
const openSet = (direction: PolicyDirection) => `${direction}-open`;
const word = (value: number): Uint8Array => Uint8Array.of(value & 255, (value >> 8) & 255, 0, 0);

const address = (offset: number, register: number): Expression => ({
  op: "payload",
  base: "network",
  offset,
  bytes: 4,
  register,
});

function refusal(direction: PolicyDirection): Expression[] {
  const [own, other] = direction === "ingress" ? [DESTINATION, SOURCE] : [SOURCE, DESTINATION];
  return [
    { op: "meta", key: "nfproto", register: 1 },
    { op: "compare", register: 1, is: "equal", value: Uint8Array.of(IPV4) },
    address(own, KEY),
    { op: "lookup", register: KEY, set: isolatedSet(direction) },
    address(other, KEY + 1),
    { op: "meta", key: "l4proto", register: KEY + 2 },
    { op: "payload", base: "transport", offset: 2, bytes: 2, register: KEY + 3 },
    { op: "lookup", register: KEY, set: openSet(direction), isInverted: true },
    { op: "verdict", verdict: "drop" },
  ];
}

/** What the table holds, without elements. */
export function policyTable(): Pick<NftTable, "sets" | "chains"> {
  const opening = ["ipv4_addr", "ipv4_addr", "inet_proto", "inet_service"] as const;
  const begun: Expression[] = [
    { op: "ct", key: "state", register: 1 },
    { op: "mask", register: 1, mask: ESTABLISHED_OR_RELATED },
    { op: "compare", register: 1, is: "different", value: word(0) },
    { op: "verdict", verdict: "accept" },
  ];
  return {
    sets: (["ingress", "egress"] as const).flatMap((direction) => [
      { name: isolatedSet(direction), key: ["ipv4_addr"] },
      { name: openSet(direction), key: opening, holdsRanges: true },
    ]),
    chains: [
      // After the engine's own (0), whose acceptance does not end the packet's way.
      {
        name: "forward",
        type: "filter",
        hook: "forward",
        priority: 1,
        rules: [begun, refusal("ingress"), refusal("egress")],
      },
    ],
  };
}

/** The elements that stand for an isolated pod. */
export function policyElements({ ip, direction, openings }: IsolatedPod): PlacedElement[] {
  const own = bytesOf(addressRange(`${ip}/32`)![0]);
  const key = (peer: number, protocol: number, port: number) =>
    joinFields(own, bytesOf(peer), Uint8Array.of(protocol), portField(port));
  const open = takenApart(openings).map(({ peers, protocols, ports }) => ({
    set: openSet(direction),
    key: key(peers[0], protocols[0], ports[0]),
    end: key(peers[1], protocols[1], ports[1]),
  }));
  return [{ set: isolatedSet(direction), key: own }, ...open];
}

function bytesOf(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
