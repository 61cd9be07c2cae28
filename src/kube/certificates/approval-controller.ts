/** Approves the client certificates that node agents ask for, when rights say that they may have them. */

import { NaruError } from "../../lib/errors.ts";
import { readSigningRequest } from "../../lib/signing-request.ts";
import type { CertificateSigningRequest } from "../../model/kubernetes/certificates.ts";
import { CERTIFICATE_SIGNING_REQUESTS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterPart } from "../contract.ts";
import { type ControllerTools, controlLoop } from "../controllers/control-loop.ts";
import { timestamp } from "../machinery/core.ts";
import type { Authorization } from "../server/authorization.ts";
import { isForNode } from "./signers.ts";

const RULES = [
  {
    subresource: "selfnodeclient",
    isOwn: true,
    message: "Auto approving self kubelet client certificate after SubjectAccessReview.",
  },
  {
    subresource: "nodeclient",
    isOwn: false,
    message: "Auto approving kubelet client certificate after SubjectAccessReview.",
  },
];

export function approvalController(tools: ControllerTools, authorization: Authorization): ClusterPart {
  return controlLoop("certificate-controller", tools, ({ client, now }) => {
    const informer = client.informer(CERTIFICATE_SIGNING_REQUESTS);
    return {
      name: "certificate-approval",
      workers: 1,
      informers: [informer],
      watch: (enqueue) => [informer.subscribe({ added: enqueue })],
      async sync({ name }) {
        const request = informer.get(undefined, name);
        if (request === undefined || (request.status?.conditions ?? []).length > 0) return undefined;
        const message = reasonToApprove(request, authorization);
        if (message === undefined) return undefined;
        const time = timestamp(now());
        const times = { lastUpdateTime: time, lastTransitionTime: time };
        const approved = { type: "Approved", status: "True", reason: "AutoApproved", message, ...times };
        const changed = { ...structuredClone(request), status: { ...request.status, conditions: [approved] } };
        await client.resource(CERTIFICATE_SIGNING_REQUESTS).update(changed, { subresource: "approval" });
        return undefined;
      },
    };
  });
}

function reasonToApprove(
  { spec }: Stored<CertificateSigningRequest>,
  authorization: Authorization,
): string | undefined {
  const { username = "", groups = [], uid, extra } = spec;
  let commonName: string;
  try {
    const asked = readSigningRequest(Buffer.from(spec.request, "base64").toString());
    if (!isForNode(asked, spec)) return undefined;
    ({ commonName } = asked);
  } catch (error) {
    // What cannot be read is nobody's to approve automatically.
    if (error instanceof NaruError) return undefined;
    throw error;
  }
  const user = { name: username, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
  const { group, resource } = CERTIFICATE_SIGNING_REQUESTS;
  const rule = RULES.find(({ subresource, isOwn }) => {
    if (isOwn && username !== commonName) return false;
    const access = {
      isResource: true,
      path: "",
      verb: "create",
      group,
      namespace: "",
      resource,
      subresource,
      name: "",
    };
    return authorization.decide(user, access).isAllowed;
  });
  return rule?.message;
}
