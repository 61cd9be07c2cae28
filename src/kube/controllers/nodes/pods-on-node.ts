/** Finding the pods of a node. */

import type { Pod } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import type { Informer } from "../../contract.ts";

const BY_NODE = "bound-to-node";

export function indexByNode(pods: Informer<Pod>): void {
  pods.addIndex(BY_NODE, (pod) => {
    const node = pod.spec?.nodeName ?? "";
    return node === "" ? [] : [node];
  });
}

/** Pods that are bound to the node. indexByNode comes first. */
export function podsOn(pods: Informer<Pod>, node: string): readonly Stored<Pod>[] {
  return pods.byIndex(BY_NODE, node);
}
