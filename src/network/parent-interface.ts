/** The interface that a macvlan or ipvlan network stands on, and the containers' interfaces on it. */
import { randomBytes } from "node:crypto";
import { errorText, NaruError } from "../lib/errors.ts";
import { type ChildKind, createChild, createDummy, createVlan } from "../linux/netlink-child-links.ts";
import { addAddress, deleteLink, linkQuery, renameLink, setLink } from "../linux/netlink-route.ts";
import { decodeLink } from "../linux/netlink-route-answers.ts";
import type { NetlinkSocket } from "../linux/netlink-socket.ts";
import { errorCode } from "../linux/sys-error.ts";
import { findLink, formatMac, parseMac } from "./bridge-interface.ts";
import { endpointAddresses, type WireEnds } from "./endpoint-interface.ts";
import type { EndpointRecord, ParentRecord } from "./network-records.ts";
import { readVlanName } from "./parent-request.ts";

/**
 * Finds the parent, or makes the one that is ours to make.
 * @returns its index
 * @throws {NaruError} invalid, in Docker's words, for a name that cannot be a parent; not-implemented when the kernel lacks it
 */
export function ensureParent(route: NetlinkSocket, { interfaceName, isOurs }: ParentRecord): number {
  const found = findLink(route, interfaceName);
  if (found !== undefined) return found.index;
  if (isOurs === undefined) {
    throw new NaruError("not-found", `the interface ${interfaceName}, on which the network stands, is gone`);
  }
  if (isOurs === "dummy") request(route, createDummy(interfaceName), "dummy");
  else {
    const { parent, id } = readVlanName(interfaceName);
    const carrier = findLink(route, parent);
    if (carrier === undefined) {
      throw new NaruError("not-found", `the requested parent interface ${parent} was not found on this machine`);
    }
    request(route, createVlan(interfaceName, carrier.index, id), "vlan");
  }
  return findLink(route, interfaceName)!.index;
}

/** Whether the kernel makes such interfaces: told when the network is created. @throws {NaruError} not-implemented */
export function tryChild(route: NetlinkSocket, parentIndex: number, child: ChildKind): void {
  const name = `nrtry-${randomBytes(4).toString("hex")}`;
  try {
    request(route, createChild({ name, parentIndex, child }), child.kind);
  } catch (error) {
    // A parent in passthru mode that is in use takes no second one.
    if (errorCode(error) === "EINVAL" || errorCode(error) === "EBUSY") return;
    throw error;
  }
  route.request([deleteLink(name)]);
}

/** Where the kernel's module has another name. */
const MODULES: Readonly<Record<string, string>> = { vlan: "8021q" };

function request(route: NetlinkSocket, what: Parameters<NetlinkSocket["request"]>[0][number], kind: string): void {
  try {
    route.request([what]);
  } catch (error) {
    if (errorCode(error) !== "EOPNOTSUPP") throw error;
    throw new NaruError(
      "not-implemented",
      `this machine's kernel has no ${kind} interfaces (${errorText(error)}): load the module ${MODULES[kind] ?? kind}, or use a bridge network`,
      { cause: error },
    );
  }
}

/** Makes the container's interface on the parent, with its addresses but IPv6. Fills in its number. @throws {SysError} */
export async function plugInChild(
  { hostRoute, containerRoute }: WireEnds,
  endpoint: EndpointRecord,
  { child, index }: ParentRecord & { index: number },
  namespaceFd: number,
): Promise<void> {
  const mac = parseMac(endpoint.mac);
  // The kernel refuses a name that our own namespace has, although the interface is not made there: "eth0" comes afterwards.
  const name = `nrnew-${randomBytes(4).toString("hex")}`;
  await hostRoute.requestInBackground([createChild({ name, parentIndex: index, child, namespaceFd, mac })]);
  const [answer] = await containerRoute.queryInBackground(linkQuery(name), `look at interface ${name}`);
  if (answer === undefined) throw new Error(`the interface ${name} vanished while it was made`);
  const link = decodeLink(answer);
  endpoint.interfaceIndex = link.index;
  endpoint.mac = formatMac(link.mac);
  await containerRoute.requestInBackground([
    renameLink(link.index, endpoint.interfaceName),
    ...endpointAddresses({ ...endpoint, ipv6: undefined }).map((address) => addAddress(link.index, address)),
    setLink(endpoint.interfaceName, { up: true }),
  ]);
}

/** Takes the interface of a running container away. */
export async function unplugChild({ containerRoute }: WireEnds, { interfaceName }: EndpointRecord): Promise<void> {
  await containerRoute.requestInBackground([deleteLink(interfaceName)]);
}
