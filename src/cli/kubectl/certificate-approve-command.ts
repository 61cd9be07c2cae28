import { decisionCommand } from "./certificate-decision.ts";

export const command = decisionCommand({
  verb: "approve",
  summary: "Approve requests for certificates",
  condition: "Approved",
  reason: "KubectlApprove",
});
