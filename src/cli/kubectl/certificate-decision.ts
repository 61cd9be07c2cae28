/** `certificate approve` and `certificate deny`: a decision about requests for certificates. */

import { CliError } from "../cli-error.ts";
import { bool, string, strings } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { KubeApiError } from "./kube-api.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { qualified } from "./resource-types.ts";
import { tellResult } from "./write-flags.ts";

interface Decision {
  readonly verb: "approve" | "deny";
  readonly summary: string;
  readonly condition: "Approved" | "Denied";
  readonly reason: string;
}
interface CertificateRequest extends KubeManifestObject {
  status?: { conditions?: { type: string; status?: string }[] };
}
const ATTEMPTS = 5;

/** The command that writes the decision into requests that do not have it yet. */
export const decisionCommand = (decision: Decision) =>
  defineKubectlCommand({
    usage: "(-f FILENAME | NAME) [options]",
    summary: decision.summary,
    flags: {
      ...PRINT_FLAGS,
      filename: strings("Files, folders or addresses of objects", { short: "f" }),
      force: bool("Also requests that were decided so already"),
      kustomize: string("A kustomization", { short: "k" }),
      recursive: bool("Folders below those of -f too", { short: "R" }),
    },
    async run({ flags, args, context }) {
      const named = args.length === 0 ? [] : ["certificatesigningrequests", ...args];
      if (named.length === 0 && flags.filename.length === 0 && flags.kustomize === "")
        throw new CliError("error: one or more CSRs must be specified as <name> or -f <filename>");
      const { objects } = await namedObjects(context, named, flags);
      for (const target of objects) {
        if (target.type.kind !== "CertificateSigningRequest") {
          const { group, kind } = target.type;
          throw new CliError(
            `error: can only handle CertificateSigningRequest.certificates.k8s.io objects, got ${qualified({ resource: kind, group })}`,
          );
        }
        const decided = await decide(context, target, decision, flags.force);
        await tellResult(
          context,
          { ...flags, "dry-run": "none" },
          target.type,
          decided,
          decision.condition.toLowerCase(),
        );
      }
    },
  });

/** Others may write the request meanwhile; then it is read anew. */
async function decide(
  context: KubectlContext,
  target: ObjectTarget,
  { verb, condition, reason }: Decision,
  isForced: boolean,
): Promise<CertificateRequest> {
  const api = await context.api();
  for (let attempt = 1; ; attempt++) {
    const request = await api.get<CertificateRequest>(objectPath(target));
    const conditions = request.status?.conditions ?? [];
    if (!isForced && conditions.some(({ type }) => type === condition)) return request;
    const added = {
      type: condition,
      status: "True",
      reason,
      message: `This CSR was ${condition.toLowerCase()} by kubectl certificate ${verb}.`,
      lastUpdateTime: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    };
    const others = conditions.filter(({ type }) => type !== condition);
    const body = { ...request, status: { ...request.status, conditions: [...others, added] } };
    try {
      return await api.json<CertificateRequest>("PUT", objectPath(target, "approval"), { body });
    } catch (error) {
      if (!(error instanceof KubeApiError) || error.reason !== "Conflict" || attempt === ATTEMPTS) throw error;
    }
  }
}
