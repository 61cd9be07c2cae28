/**
 * UDP flows through services. A flow keeps the way that its first packet found; when that endpoint is gone, the flow must go too, or the
 * client talks to nobody.
 */

import { decodeFlow, udpFlowsQuery } from "../../linux/conntrack-message.ts";
import { NetlinkSocket } from "../../linux/netlink-socket.ts";
import type { ServiceFront } from "./service-table.ts";

const ENOENT = 2;

export class ServiceFlows {
  private readonly socket = NetlinkSocket.open("netfilter");

  /** Ends the flows through these fronts. Does nothing where the kernel does not let anybody look at its flows. */
  forget(fronts: readonly ServiceFront[]): void {
    try {
      for (const front of fronts) if (front.protocol === "UDP") this.forgetFront(front);
    } catch {
      // No nf_conntrack_netlink: peers that send without a pause then find a living endpoint 30 s later.
    }
  }

  private forgetFront({ ip, port }: ServiceFront): void {
    const flows = this.socket.query(udpFlowsQuery(port), `list UDP flows to port ${port}`).map(decodeFlow);
    const deletions = flows.flatMap((flow) => {
      const isMeant = flow !== undefined && (ip === "0.0.0.0" || flow.destination.join(".") === ip);
      return isMeant ? [flow.deletion] : [];
    });
    const what = `end UDP flows to ${ip}:${port}`;
    this.socket.request(deletions.map((message) => ({ message, what, acceptedErrnos: [ENOENT] })));
  }

  close(): void {
    this.socket.close();
  }
}
