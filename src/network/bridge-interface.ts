/** Bridges in the kernel. */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { errorText, NaruError } from "../lib/errors.ts";
import { ipBytes, parseIp, parsePrefix } from "../lib/ip-address.ts";
import {
  addAddress,
  createBridge,
  deleteAddress,
  deleteLink,
  dumpQuery,
  linkQuery,
  type RawPrefix,
  RTM,
} from "../linux/netlink-route.ts";
import { decodeAddress, decodeLink, type Link } from "../linux/netlink-route-answers.ts";
import type { NetlinkSocket } from "../linux/netlink-socket.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { BridgeRecord } from "./network-records.ts";

/** A random hardware address that claims no manufacturer, as Docker 28 gives: "e2:a6:bc:1c:96:81". */
export function randomMac(): Uint8Array {
  const bytes = Uint8Array.from(randomBytes(6));
  bytes[0] = ((bytes[0] ?? 0) & 0xfe) | 2;
  return bytes;
}

export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

export function parseMac(text: string): Uint8Array {
  return Uint8Array.from(text.split(/[:-]/), (part) => Number.parseInt(part, 16));
}

/** @throws {SysError} */
export function findLink(route: NetlinkSocket, name: string): Link | undefined {
  try {
    const [answer] = route.query(linkQuery(name), `look at interface ${name}`);
    return answer === undefined ? undefined : decodeLink(answer);
  } catch (error) {
    if (errorCode(error) === "ENODEV") return undefined;
    throw error;
  }
}

/** Every interface of the namespace that the socket belongs to. @throws {SysError} */
export function listLinks(route: NetlinkSocket): Link[] {
  return route.query(dumpQuery(RTM.GETLINK), "list interfaces").map(decodeLink);
}

/**
 * Makes the bridge or takes over the one that is there, with the gateways' addresses.
 * @returns its index. @throws {SysError}
 */
export async function ensureBridgeInterface(route: NetlinkSocket, bridge: BridgeRecord): Promise<number> {
  let link = findLink(route, bridge.interfaceName);
  if (link === undefined) {
    route.request([createBridge(bridge.interfaceName, { mtu: bridge.mtu, mac: randomMac() })]);
    link = findLink(route, bridge.interfaceName);
    if (link === undefined) throw new Error(`the bridge ${bridge.interfaceName} vanished while it was made`);
  }
  const { index } = link;
  const hasIpv6 = bridge.subnets.some(({ subnet }) => subnet.includes(":"));
  await setInterfaceSysctl("ipv4", bridge.interfaceName, "route_localnet", "1");
  if (hasIpv6) await enableIpv6(bridge.interfaceName);
  const wanted = bridge.subnets.map(({ subnet, gateway }) => ({
    address: ipBytes(parseIp(gateway)!),
    prefixBits: parsePrefix(subnet)!.prefix.prefixBits,
  }));
  const additions = wanted.map((address) => addAddress(index, address));
  route.request([...staleAddresses(route, index, wanted).map((stale) => deleteAddress(index, stale)), ...additions]);
  return index;
}

/** Addresses that the bridge has from an earlier configuration; the kernel's own link-local ones are none. */
function staleAddresses(route: NetlinkSocket, index: number, wanted: readonly RawPrefix[]): RawPrefix[] {
  const isWanted = (one: RawPrefix) =>
    wanted.some(
      ({ address, prefixBits }) => prefixBits === one.prefixBits && Buffer.compare(address, one.address) === 0,
    );
  return route
    .query(dumpQuery(RTM.GETADDR), "list addresses")
    .map(decodeAddress)
    .filter((one) => one.index === index && !isWanted(one) && !(one.address[0] === 0xfe && one.address[1] === 0x80));
}

/** As docker does: the machine may have IPv6 off for new interfaces. @throws {NaruError} unavailable where the kernel has none */
async function enableIpv6(name: string): Promise<void> {
  try {
    await setInterfaceSysctl("ipv6", name, "disable_ipv6", "0");
    await setInterfaceSysctl("ipv6", name, "accept_ra", "0");
  } catch (cause) {
    const words = `IPv6 cannot be switched on for ${name} (${errorText(cause)}): leave IPv6 out, or start the machine without ipv6.disable`;
    throw new NaruError("unavailable", words, { cause });
  }
}

async function setInterfaceSysctl(family: "ipv4" | "ipv6", name: string, key: string, value: string): Promise<void> {
  await writeFile(`/proc/sys/net/${family}/conf/${name}/${key}`, value);
}

/** The kernel takes long over it: done in a thread. Fine when it is gone already. @throws {SysError} */
export async function removeInterface(route: NetlinkSocket, name: string): Promise<void> {
  await route.requestInBackground([deleteLink(name)]);
}
