/** The kernel's table of connections (linux/netfilter/nfnetlink_conntrack.h): finding UDP flows and ending them. Pure. */
import { attribute, message, type NetlinkMessage, NLM_F, nested, parseAttributes, u8, u32 } from "./netlink-message.ts";

const SUBSYSTEM = 1 << 8;
const GET = 1;
const DELETE = 2;
const CTA = { TUPLE_ORIG: 1, ID: 12, FILTER: 25 } as const;
const TUPLE = { IP: 1, PROTO: 2 } as const;
const IP_V4_DESTINATION = 2;
const PROTO = { NUMBER: 1, DESTINATION_PORT: 3 } as const;
/** Which fields of the original direction the kernel is to compare: protocol number, destination port (Linux 5.8). */
const COMPARE_PROTOCOL_AND_PORT = (1 << 3) | (1 << 5);
const IPPROTO_UDP = 17;
const AF_INET = 2;
const HEADER = Uint8Array.of(AF_INET, 0, 0, 0);

/** All IPv4 UDP flows that began with a packet to this port, whatever the address. */
export function udpFlowsQuery(port: number): Buffer {
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16BE(port);
  const protocol = nested(TUPLE.PROTO, u8(PROTO.NUMBER, IPPROTO_UDP), attribute(PROTO.DESTINATION_PORT, portBytes));
  const filter = nested(CTA.FILTER, u32(1, COMPARE_PROTOCOL_AND_PORT), u32(2, 0));
  return message(SUBSYSTEM | GET, NLM_F.DUMP, Buffer.concat([HEADER, nested(CTA.TUPLE_ORIG, protocol), filter]));
}

interface Flow {
  /** Where its first packet went: four bytes. */
  destination: Uint8Array;
  /** Ends it: the next packet makes a new flow by the rules of then. */
  deletion: Buffer;
}

/** Undefined for messages that are none. */
export function decodeFlow({ body }: NetlinkMessage): Flow | undefined {
  const attributes = parseAttributes(body.subarray(4));
  const tuple = attributes.get(CTA.TUPLE_ORIG);
  const addresses = tuple && parseAttributes(tuple).get(TUPLE.IP);
  const destination = addresses && parseAttributes(addresses).get(IP_V4_DESTINATION);
  const id = attributes.get(CTA.ID);
  if (tuple === undefined || destination === undefined || id === undefined) return undefined;
  const parts = [HEADER, nested(CTA.TUPLE_ORIG, tuple), attribute(CTA.ID, id)];
  return { destination, deletion: message(SUBSYSTEM | DELETE, 0, Buffer.concat(parts)) };
}
