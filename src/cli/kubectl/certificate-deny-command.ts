import { decisionCommand } from "./certificate-decision.ts";

export const command = decisionCommand({
  verb: "deny",
  summary: "Deny requests for certificates",
  condition: "Denied",
  reason: "KubectlDeny",
});
