/** How long pods may stay on a node that has been tainted. */

import type { Taint, Toleration } from "../../../model/kubernetes/core.ts";
import { tolerates } from "../../scheduler/node-selection.ts";

/**
 * How long a pod with these tolerations may stay on a node with these taints (NoExecute ones).
 * @returns milliseconds; 0: it must go now; undefined: for ever
 */
export function stayMs(taints: readonly Taint[], tolerations: readonly Toleration[]): number | undefined {
  let shortest: number | undefined;
  for (const taint of taints.filter((each) => each.effect === "NoExecute")) {
    const fitting = tolerations.filter((toleration) => tolerates(toleration, taint));
    if (fitting.length === 0) return 0;
    for (const { tolerationSeconds } of fitting) {
      if (tolerationSeconds === undefined) continue;
      const ms = Math.max(0, tolerationSeconds) * 1000;
      if (shortest === undefined || ms < shortest) shortest = ms;
    }
  }
  return shortest;
}
