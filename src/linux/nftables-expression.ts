/** The instructions that nftables rules are made of (linux/netfilter/nf_tables.h). Pure encoders. */
import { attribute, nested, text, u8, u32be, u64be } from "./netlink-message.ts";

/**
 * One instruction of nftables' little machine. Registers: 1 is the first 16-byte register; 8 to 15 are the 4-byte ones,
 * of which 8 to 11 lie in register 1, 12 to 15 in register 2.
 */
export type Expression =
  | { op: "meta"; key: keyof typeof META; register: number }
  | { op: "ct"; key: keyof typeof CT; register: number }
  /** Where the connection's first packet went before any translation. */
  | { op: "original"; key: keyof typeof CT_ORIGINAL; register: number }
  | { op: "payload"; base: keyof typeof BASE; offset: number; bytes: number; register: number }
  /** Continues with the next instruction when the register equals the value. */
  | { op: "compare"; register: number; is: "equal" | "different"; value: Uint8Array }
  /** Keeps the bits of the mask in the register. */
  | { op: "mask"; register: number; mask: number }
  /** What the routing tables say about the destination: RTN_LOCAL is 2. */
  | { op: "destination-type"; register: number }
  /** Continues when the key is in the set (or is not, when inverted); of a map the data go to `dataRegister`. */
  | { op: "lookup"; set: string; register: number; dataRegister?: number; isInverted?: boolean }
  | { op: "load"; register: number; value: Uint8Array }
  /** A number by chance, from 0 on and below `below`, in the machine's byte order. */
  | { op: "random"; below: number; register: number }
  /**
   * Puts key and data into a map from the packet's way, for so long (milliseconds); what is there already stays that much longer.
   * The data must not come from a lookup: `nft list` aborts on such rules, on everybody's of the machine (seen up to 1.1.7).
   */
  | { op: "remember"; set: string; register: number; dataRegister: number; milliseconds: number }
  /** Answers that nothing listens there: by a TCP reset, or for other protocols by ICMP "port unreachable". */
  | { op: "reject"; by: "reset" | "unreachable" }
  | { op: "dnat4"; addressRegister: number; portRegister: number }
  | { op: "masquerade" }
  /** Counts the packets that come so far; `decodeRuleCounter` reads it. */
  | { op: "counter" }
  | { op: "verdict"; verdict: "accept" | "drop" };

const META = { iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const;
const CT = { state: 0, direction: 1, status: 2 } as const;
const CT_ORIGINAL = { port: 12, address4: 20 } as const;
const IP_CT_DIR_ORIGINAL = 0;
const BASE = { link: 0, network: 1, transport: 2 } as const;
const NFPROTO_IPV4 = 2;
const NUMGEN_RANDOM = 1;
const DYNSET_UPDATE = 1;
const REJECT_TCP_RESET = 1;
const REJECT_ICMPX = 2;
const ICMPX_PORT_UNREACHABLE = 1;
/** NF_NAT_RANGE_PROTO_SPECIFIED: the port is part of the translation. */
const NAT_RANGE_PORT = 2;

const value = (type: number, bytes: Uint8Array): Buffer => nested(type, attribute(1, bytes));
const word = (number: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
};

/** Name and data of one expression. */
export function encodeExpression(expression: Expression): Buffer {
  const [name, ...attributes] = parts(expression);
  return Buffer.concat([text(1, name), nested(2, ...attributes)]);
}

function parts(e: Expression): [name: string, ...attributes: Buffer[]] {
  switch (e.op) {
    case "meta":
      return ["meta", u32be(2, META[e.key]), u32be(1, e.register)];
    case "ct":
      return ["ct", u32be(2, CT[e.key]), u32be(1, e.register)];
    case "original":
      return ["ct", u32be(2, CT_ORIGINAL[e.key]), u32be(1, e.register), u8(3, IP_CT_DIR_ORIGINAL)];
    case "payload":
      return ["payload", u32be(1, e.register), u32be(2, BASE[e.base]), u32be(3, e.offset), u32be(4, e.bytes)];
    case "compare":
      return ["cmp", u32be(1, e.register), u32be(2, e.is === "equal" ? 0 : 1), value(3, e.value)];
    case "mask":
      return [
        "bitwise",
        u32be(1, e.register),
        u32be(2, e.register),
        u32be(3, 4),
        value(4, word(e.mask)),
        value(5, word(0)),
      ];
    case "destination-type":
      return ["fib", u32be(3, 2), u32be(2, 3), u32be(1, e.register)];
    case "lookup":
      return lookup(e);
    case "load":
      return ["immediate", u32be(1, e.register), value(2, e.value)];
    case "random":
      return ["numgen", u32be(1, e.register), u32be(2, e.below), u32be(3, NUMGEN_RANDOM), u32be(4, 0)];
    case "remember":
      return [
        "dynset",
        text(1, e.set),
        u32be(3, DYNSET_UPDATE),
        u32be(4, e.register),
        u32be(5, e.dataRegister),
        u64be(6, e.milliseconds),
      ];
    case "reject":
      if (e.by === "reset") return ["reject", u32be(1, REJECT_TCP_RESET), u8(2, 0)];
      return ["reject", u32be(1, REJECT_ICMPX), u8(2, ICMPX_PORT_UNREACHABLE)];
    case "dnat4":
      return [
        "nat",
        u32be(1, 1),
        u32be(2, NFPROTO_IPV4),
        u32be(3, e.addressRegister),
        u32be(5, e.portRegister),
        u32be(7, NAT_RANGE_PORT),
      ];
    case "masquerade":
      return ["masq"];
    case "counter":
      return ["counter"];
    case "verdict":
      return ["immediate", u32be(1, 0), nested(2, nested(2, u32be(1, e.verdict === "accept" ? 1 : 0)))];
  }
}

function lookup(e: Extract<Expression, { op: "lookup" }>): [name: string, ...attributes: Buffer[]] {
  const attributes = [u32be(2, e.register), text(1, e.set)];
  if (e.dataRegister !== undefined) attributes.push(u32be(3, e.dataRegister));
  if (e.isInverted) attributes.push(u32be(5, 1));
  return ["lookup", ...attributes];
}
