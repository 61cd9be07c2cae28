import { decisionCommand } from "./certificate-decision.ts";

export const command = decisionCommand({
  verb: "deny",
  summary: "Deny a certificate signing request",
  condition: "Denied",
  reason: "KubectlDeny",
});
