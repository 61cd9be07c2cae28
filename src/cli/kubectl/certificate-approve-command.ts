import { decisionCommand } from "./certificate-decision.ts";

export const command = decisionCommand({
  verb: "approve",
  summary: "Approve a certificate signing request",
  condition: "Approved",
  reason: "KubectlApprove",
});
