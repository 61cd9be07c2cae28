/**
 * UDP flows that the kernel remembers. A flow keeps the way that its first packet found: one that began before a port was
 * published, or while another container had it, would go on missing the container.
 */
import { decodeFlow, udpFlowsQuery } from "../linux/conntrack-message.ts";
import { dumpQuery, RTM } from "../linux/netlink-route.ts";
import { decodeAddress } from "../linux/netlink-route-answers.ts";
import { NetlinkSocket } from "../linux/netlink-socket.ts";
import type { PublishedPort } from "./network-records.ts";

const ENOENT = 2;

export class UdpFlows {
  readonly #netfilter = NetlinkSocket.open("netfilter");

  constructor(readonly hostRoute: NetlinkSocket) {}

  /**
   * Ends the flows to these ports of the machine; those that only pass through it go on. Does nothing where the
   * kernel does not let anybody look at its flows.
   */
  forget(ports: readonly PublishedPort[]): void {
    const udpPorts = new Set(ports.flatMap(({ protocol, hostPort }) => (protocol === "udp" ? [hostPort] : [])));
    if (udpPorts.size === 0) return;
    const own = new Set(
      this.hostRoute.query(dumpQuery(RTM.GETADDR), "list addresses").map((one) => decodeAddress(one).address.join(".")),
    );
    try {
      for (const port of udpPorts)
        this.#forgetPort(port, (address) => address[0] === 127 || own.has(address.join(".")));
    } catch {
      // No nf_conntrack_netlink: UDP peers that send without a pause then find the container 30 s later.
    }
  }

  #forgetPort(port: number, isOurs: (address: Uint8Array) => boolean): void {
    const flows = this.#netfilter.query(udpFlowsQuery(port), `list UDP flows to port ${port}`).map(decodeFlow);
    const deletions = flows.flatMap((flow) => (flow !== undefined && isOurs(flow.destination) ? [flow.deletion] : []));
    const what = `end UDP flows to port ${port}`;
    this.#netfilter.request(deletions.map((deletion) => ({ message: deletion, what, acceptedErrnos: [ENOENT] })));
  }

  close(): void {
    this.#netfilter.close();
  }
}
