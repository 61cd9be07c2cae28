/** Signs certificates that are asked for and approved. */

import { X509Certificate } from "node:crypto";
import { signCertificate } from "../../lib/certificate.ts";
import { errorText } from "../../lib/errors.ts";
import { readSigningRequest, type SigningRequest } from "../../lib/signing-request.ts";
import type { CertificateSigningRequest } from "../../model/kubernetes/certificates.ts";
import { CERTIFICATE_SIGNING_REQUESTS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterPart } from "../contract.ts";
import { type ControllerTools, controlLoop } from "../controllers/control-loop.ts";
import { hasCondition, withCondition } from "../controllers/status-conditions.ts";
import { timestamp } from "../machinery/core.ts";
import type { CertificateSigner } from "../server/cluster-authority.ts";
import { SIGNERS } from "./signers.ts";

/** Without a wish a certificate lasts a year (kube-controller-manager's --cluster-signing-duration). */
const LONGEST_MS = 365 * 86_400_000;
/** A certificate is good from a little before its making on, for clocks that differ. */
const BACKDATED_MS = 5 * 60_000;

export function signingController(tools: ControllerTools, signer: CertificateSigner): ClusterPart {
  return controlLoop("certificate-controller", tools, ({ client, now }) => {
    const informer = client.informer(CERTIFICATE_SIGNING_REQUESTS);
    return {
      name: "certificate-signing",
      workers: 1,
      informers: [informer],
      watch: (enqueue) => [informer.subscribe({ added: enqueue, updated: (_, request) => enqueue(request) })],
      async sync({ name }) {
        const found = informer.get(undefined, name);
        if (found === undefined || !isToBeSigned(found)) return undefined;
        const status = await outcome(found, signer, now());
        await client.resource(CERTIFICATE_SIGNING_REQUESTS).updateStatus({ ...structuredClone(found), status });
        return undefined;
      },
    };
  });
}

function isToBeSigned({ spec, status }: Stored<CertificateSigningRequest>): boolean {
  const { conditions, certificate } = status ?? {};
  return (
    !certificate &&
    SIGNERS[spec.signerName] !== undefined &&
    hasCondition(conditions, "Approved") &&
    !hasCondition(conditions, "Denied") &&
    !hasCondition(conditions, "Failed")
  );
}

/** The status with the certificate, or with the condition Failed for what the signer does not sign. */
async function outcome(
  { spec, status }: Stored<CertificateSigningRequest>,
  signer: CertificateSigner,
  now: number,
): Promise<CertificateSigningRequest["status"]> {
  const before = structuredClone(status) ?? {};
  let asked: SigningRequest;
  try {
    asked = readSigningRequest(Buffer.from(spec.request, "base64").toString());
    const fault = SIGNERS[spec.signerName]!(asked, spec);
    if (fault !== undefined) throw new Error(`invalid usages or subject for signer ${spec.signerName}: ${fault}`);
  } catch (error) {
    const time = timestamp(now);
    const failed = {
      type: "Failed",
      status: "True",
      reason: "SignerValidationFailure",
      message: errorText(error),
      lastTransitionTime: time,
      lastUpdateTime: time,
    };
    return { ...before, conditions: withCondition(before.conditions, failed) };
  }
  const certificate = await sign(asked, spec, signer, now);
  return { ...before, certificate: Buffer.from(certificate).toString("base64") };
}

async function sign(
  asked: SigningRequest,
  { usages = [], expirationSeconds }: CertificateSigningRequest["spec"],
  signer: CertificateSigner,
  now: number,
): Promise<string> {
  const wished = expirationSeconds === undefined ? LONGEST_MS : Math.min(LONGEST_MS, expirationSeconds * 1000);
  // A certificate that outlives its signer's would be worth nothing by then.
  const end = Math.min(now + wished, Date.parse(new X509Certificate(signer.certificate).validTo));
  return await signCertificate({
    subject: asked.subject,
    publicKey: asked.publicKey,
    signer,
    isAuthority: false,
    signsData: usages.includes("digital signature"),
    enciphersKeys: usages.includes("key encipherment"),
    isServer: usages.includes("server auth"),
    isClient: usages.includes("client auth"),
    ...(asked.alternativeNames === undefined ? {} : { hosts: asked.alternativeNames }),
    days: { from: new Date(now - BACKDATED_MS), to: new Date(end) },
  });
}
