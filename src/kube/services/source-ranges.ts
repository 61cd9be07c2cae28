/**
 * Who may come in by a load balancer (ServiceSpec.loadBalancerSourceRanges), as nftables data: a chain before the translation that drops
 * new connections to guarded fronts from elsewhere. What has begun goes on. Needs sets of ranges (Linux 5.6), so that it is there only
 * when a service asks for it.
 */
import type { Expression } from "../../linux/nftables-expression.ts";
import { joinFields, type NftTable } from "../../linux/nftables-message.ts";
import type { PlacedElement } from "../../linux/nftables-table.ts";
import { CLIENT, FRONT, FRONT_KEY, frontKey, readPacket, type ServiceWay } from "./service-table.ts";

const GUARDED = "guarded";
const SOURCES = "sources";
/** Bit of `ct state`. */
const NEW = 8;

const isNew: Expression[] = [
  { op: "ct", key: "state", register: 1 },
  { op: "mask", register: 1, mask: NEW },
  { op: "compare", register: 1, is: "different", value: Uint8Array.of(0, 0, 0, 0) },
];

/** What the table of services holds for it, without elements. */
export const sourceRangeRules: Pick<NftTable, "sets" | "chains"> = {
  sets: [
    { name: GUARDED, key: FRONT_KEY },
    { name: SOURCES, key: ["ipv4_addr", ...FRONT_KEY], holdsRanges: true },
  ],
  chains: [
    {
      name: "sources",
      type: "filter",
      hook: "prerouting",
      priority: -102,
      rules: [
        [
          ...isNew,
          ...readPacket(true),
          { op: "lookup", register: FRONT, set: GUARDED },
          { op: "lookup", register: CLIENT, set: SOURCES, isInverted: true },
          { op: "verdict", verdict: "drop" },
        ],
      ],
    },
  ],
};

/** The elements that stand for a front's sources; none for a front that everybody may use. */
export function sourceElements({ front, sources }: ServiceWay): PlacedElement[] {
  if (sources === undefined) return [];
  const key = frontKey(front);
  const allowed = sources.map(([first, last]) => ({
    set: SOURCES,
    key: joinFields(numberBytes(first), key),
    end: joinFields(numberBytes(last), key),
  }));
  return [{ set: GUARDED, key }, ...allowed];
}

function numberBytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
