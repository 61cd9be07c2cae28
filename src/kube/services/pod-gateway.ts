/** The machine's address on the pods' bridge. */

import { NODES } from "../../model/kubernetes/names.ts";
import type { ClusterClient } from "../contract.ts";

/** The first address of the range of pods of that node, once it has one. @throws the signal's reason */
export async function podGateway(client: ClusterClient, node: string, signal: AbortSignal): Promise<string> {
  const nodes = client.informer(NODES);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const look = (one: { metadata: { name: string }; spec?: { podCIDR?: string } }) => {
    if (one.metadata.name === node && one.spec?.podCIDR) resolve(firstAddress(one.spec.podCIDR));
  };
  const end = nodes.subscribe({ added: look, updated: (_before, after) => look(after) });
  try {
    signal.throwIfAborted();
    return await promise;
  } finally {
    end();
    signal.removeEventListener("abort", abort);
  }
}

/** "10.244.0.0/22": 10.244.0.1 */
function firstAddress(cidr: string): string {
  const [network = ""] = cidr.split("/");
  return network.replace(/\d+$/, (last) => String(Number(last) + 1));
}
