/** The signers of certificates that this cluster has, and what each signs (Kubernetes' documentation, "Kubernetes signers"). */

import type { SigningRequest } from "../../lib/signing-request.ts";
import type { CertificateSigningRequest } from "../../model/kubernetes/certificates.ts";

export const API_CLIENT = "kubernetes.io/kube-apiserver-client";
export const KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
export const KUBELET_SERVING = "kubernetes.io/kubelet-serving";

const NODES = "system:nodes";
const NODE = "system:node:";

/** By the signer's name: what is wrong with a request, in words; undefined when it is signed. */
export const SIGNERS: Readonly<
  Record<string, (request: SigningRequest, spec: CertificateSigningRequest["spec"]) => string | undefined>
> = {
  [API_CLIENT]: (_, { usages = [] }) => usageFault(usages, "client auth", ["digital signature", "key encipherment"]),
  [KUBELET_CLIENT]: (request, { usages = [] }) =>
    nodeFault(request) ??
    (hasNames(request) ? "DNS, IP, email and URI subject alternative names are not allowed" : undefined) ??
    nodeUsageFault(usages, "client auth"),
  [KUBELET_SERVING]: (request, { usages = [] }) => {
    const { dns, addresses, emails, uris } = request.names;
    if (dns.length + addresses === 0) return "at least one DNS or IP subjectAltName is required";
    if (emails + uris > 0) return "email and URI subject alternative names are not allowed";
    return nodeFault(request) ?? nodeUsageFault(usages, "server auth");
  },
};

/** True for a request that a node agent makes for its own client certificate. */
export function isForNode(request: SigningRequest, spec: CertificateSigningRequest["spec"]): boolean {
  return spec.signerName === KUBELET_CLIENT && SIGNERS[KUBELET_CLIENT]!(request, spec) === undefined;
}

function hasNames({ names }: SigningRequest): boolean {
  return names.dns.length + names.addresses + names.emails + names.uris > 0;
}

function nodeFault({ commonName, organizations }: SigningRequest): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== NODES) return `subject organization is not ${NODES}`;
  return commonName.startsWith(NODE) && commonName.length > NODE.length
    ? undefined
    : `subject common name does not begin with ${NODE}`;
}

function nodeUsageFault(usages: readonly string[], purpose: string): string | undefined {
  if (!usages.includes("digital signature")) return "usages did not include digital signature";
  return usageFault(usages, purpose, ["digital signature", "key encipherment"]);
}

function usageFault(usages: readonly string[], needed: string, more: readonly string[]): string | undefined {
  if (!usages.includes(needed)) return `usages did not include ${needed}`;
  const other = usages.find((usage) => usage !== needed && !more.includes(usage));
  return other === undefined ? undefined : `usages did not match [${[...more, needed].join(", ")}]: ${other}`;
}
