/** All that happens to requests for certificates: approval of nodes' own, signing, clean-up. */

import type { ClusterPart } from "../contract.ts";
import type { ControllerTools } from "../controllers/control-loop.ts";
import type { Authorization } from "../server/authorization.ts";
import type { CertificateSigner } from "../server/cluster-authority.ts";
import { approvalController } from "./approval-controller.ts";
import { certificateCleanup } from "./cleanup-controller.ts";
import { signingController } from "./signing-controller.ts";

export function certificateParts(
  tools: ControllerTools,
  signer: CertificateSigner,
  authorization: Authorization,
): ClusterPart[] {
  return [approvalController(tools, authorization), signingController(tools, signer), certificateCleanup(tools)];
}
