/** Quality of service: whose memory is taken first when a node has too little. */

import type { PodSpec } from "../../model/kubernetes/core.ts";
import { compareQuantities, parseQuantity } from "../../model/kubernetes/quantity.ts";

/**
 * "Guaranteed": every container is limited in cpu and memory and requests just that; "BestEffort": none requests or limits anything;
 * "Burstable": the rest.
 */
export function qosClassOf(spec: PodSpec | undefined): "Guaranteed" | "Burstable" | "BestEffort" {
  let guaranteed = true;
  let nothing = true;
  for (const { resources } of [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]) {
    for (const name of ["cpu", "memory"]) {
      const limit = positive(resources?.limits?.[name]);
      const request = positive(resources?.requests?.[name]) ?? limit;
      if (limit !== undefined || request !== undefined) nothing = false;
      if (limit === undefined || request === undefined || compareQuantities(limit, request) !== 0) guaranteed = false;
    }
  }
  if (nothing) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

function positive(amount: string | undefined): ReturnType<typeof parseQuantity> {
  const quantity = amount === undefined ? undefined : parseQuantity(amount);
  return quantity !== undefined && quantity.nano > 0n ? quantity : undefined;
}
