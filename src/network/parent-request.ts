/** Options of networks whose containers stand on an interface of the machine's own, in Docker's words. Pure. */
import { NaruError } from "../lib/errors.ts";
import type { ChildKind, IpvlanFlag, IpvlanMode, MacvlanMode } from "../linux/netlink-child-links.ts";

const MACVLAN_MODES: readonly string[] = ["bridge", "private", "vepa", "passthru"];
const IPVLAN_MODES: readonly string[] = ["l2", "l3", "l3s"];
const IPVLAN_FLAGS: readonly string[] = ["bridge", "private", "vepa"];
const LARGEST_VLAN = 4094;

/** What a network asks for: which interface, and how containers stand on it. */
export interface ParentOptions {
  child: ChildKind;
  /** Undefined: one without a wire is made. */
  parent: string | undefined;
}

/** @throws {NaruError} invalid for modes that there are not */
export function readParentOptions(
  driver: "macvlan" | "ipvlan",
  options: Readonly<Record<string, string>>,
): ParentOptions {
  const parent = options.parent || undefined;
  if (driver === "macvlan") {
    const mode = options.macvlan_mode || "bridge";
    const words = `requested macvlan mode '${mode}' is not valid, 'bridge' mode is the macvlan driver default`;
    check(mode, MACVLAN_MODES, words);
    return { parent, child: { kind: driver, mode: mode as MacvlanMode } };
  }
  const mode = options.ipvlan_mode || "l2";
  const flag = options.ipvlan_flag || "bridge";
  check(mode, IPVLAN_MODES, `requested ipvlan mode '${mode}' is not valid, 'l2' mode is the ipvlan driver default`);
  check(flag, IPVLAN_FLAGS, `requested ipvlan flag '${flag}' is not valid, 'bridge' is the ipvlan driver default`);
  return { parent, child: { kind: driver, mode: mode as IpvlanMode, flag: flag as IpvlanFlag } };
}

function check(word: string, known: readonly string[], message: string): void {
  if (!known.includes(word)) throw new NaruError("invalid", message);
}

/** "eth0.10" as interface and VLAN id. @throws {NaruError} invalid for a name of another form */
export function readVlanName(name: string): { parent: string; id: number } {
  const at = name.lastIndexOf(".");
  if (at < 0) {
    throw new NaruError("invalid", `invalid subinterface vlan name ${name}, example formatting is eth0.10`);
  }
  const text = name.slice(at + 1);
  const id = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (id < 1 || id > LARGEST_VLAN) {
    throw new NaruError("invalid", `unable to parse a valid vlan id from: ${text} (ex. eth0.10 for vlan 10)`);
  }
  return { parent: name.slice(0, at), id };
}
