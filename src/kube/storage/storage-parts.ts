/** The parts of the cluster that look after persistent volumes. */

import type { ClusterPart } from "../contract.ts";
import { claimController } from "./claim-controller.ts";
import { ephemeralClaimController } from "./ephemeral-claims.ts";
import type { StorageTools } from "./storage-tools.ts";
import { volumeController } from "./volume-controller.ts";

/** Binding, provisioning and reclaiming of volumes, and claims of pods' generic ephemeral volumes. */
export function storageParts(tools: StorageTools): ClusterPart[] {
  return [claimController(tools), volumeController(tools), ephemeralClaimController(tools)];
}
