/** Who may approve and sign requests for certificates is said for each signer; nobody is made a master by one. */
import { readSigningRequest } from "../../lib/signing-request.ts";
import type { CertificateSigningRequest } from "../../model/kubernetes/certificates.ts";
import { CERTIFICATE_SIGNING_REQUESTS } from "../../model/kubernetes/names.ts";
import { API_CLIENT } from "../certificates/signers.ts";
import type { AdmissionRequest, AdmissionStep } from "../machinery/admission.ts";
import { StatusError } from "../status.ts";
import type { Authorization } from "./authorization.ts";

const MASTERS = "system:masters";

export function certificateGuard(authorization: Authorization): AdmissionStep {
  return {
    name: "CertificateApproval",
    check(request) {
      const { type, operation, subresource } = request;
      if (type.resource !== CERTIFICATE_SIGNING_REQUESTS.resource || type.group !== CERTIFICATE_SIGNING_REQUESTS.group)
        return;
      if (operation === "CREATE") checkSubject(request);
      if (operation === "UPDATE" && subresource === "approval") checkVerb(authorization, request, "approve");
      if (operation === "UPDATE" && subresource === "status" && isSigned(request)) {
        checkVerb(authorization, request, "sign");
      }
    },
  };
}

/** A certificate for system:masters could not be taken back. */
function checkSubject(request: AdmissionRequest): void {
  const { spec } = request.object as CertificateSigningRequest;
  if (spec.signerName !== API_CLIENT) return;
  const { organizations } = readSigningRequest(Buffer.from(spec.request, "base64").toString());
  if (organizations.includes(MASTERS)) {
    throw refusal(request, `use of ${API_CLIENT} signer with ${MASTERS} group is not allowed`);
  }
}

function isSigned({ object, before }: AdmissionRequest): boolean {
  const statusOf = (one: unknown) => (one as CertificateSigningRequest | undefined)?.status;
  const hasFailed = (one: unknown) => statusOf(one)?.conditions?.some(({ type }) => type === "Failed") ?? false;
  return statusOf(object)?.certificate !== statusOf(before)?.certificate || hasFailed(object) !== hasFailed(before);
}

/** On the signer by its name, or on all of its domain. */
function checkVerb(authorization: Authorization, request: AdmissionRequest, verb: string): void {
  const { signerName } = (request.before as CertificateSigningRequest | undefined)?.spec ?? { signerName: "" };
  const domain = signerName.split("/", 1)[0];
  const isAllowed = [signerName, `${domain}/*`].some((name) => {
    const access = { isResource: true, path: "", verb, group: request.type.group, namespace: "", subresource: "" };
    return authorization.decide(request.user, { ...access, resource: "signers", name }).isAllowed;
  });
  if (isAllowed) return;
  throw refusal(request, `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`);
}

function refusal({ name, type }: AdmissionRequest, why: string): StatusError {
  const message = `${type.resource}.${type.group} ${JSON.stringify(name)} is forbidden: ${why}`;
  return new StatusError("Forbidden", message, { name, group: type.group, kind: type.resource });
}
