/** Deletes requests for certificates that nobody will look at any more. */

import { X509Certificate } from "node:crypto";
import type { CertificateSigningRequest } from "../../model/kubernetes/certificates.ts";
import { CERTIFICATE_SIGNING_REQUESTS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterPart } from "../contract.ts";
import { type ControllerTools, controlLoop } from "../controllers/control-loop.ts";
import { instant } from "../controllers/timestamps.ts";

const HOUR_MS = 3_600_000;
/** How long each outcome is kept (kube-controller-manager's csrcleaner). */
const KEPT_MS: Readonly<Record<string, number>> = { Approved: HOUR_MS, Denied: HOUR_MS, Failed: HOUR_MS };
const PENDING_KEPT_MS = 24 * HOUR_MS;

export function certificateCleanup(tools: ControllerTools): ClusterPart {
  return controlLoop("certificate-controller", tools, ({ client, now }) => {
    const informer = client.informer(CERTIFICATE_SIGNING_REQUESTS);
    return {
      name: "certificate-cleanup",
      workers: 1,
      informers: [informer],
      watch: (enqueue) => [informer.subscribe({ added: enqueue, updated: (_, request) => enqueue(request) })],
      async sync({ name }) {
        const request = informer.get(undefined, name);
        if (request === undefined) return undefined;
        const left = endOf(request) - now();
        if (left > 0) return left;
        const preconditions = { uid: request.metadata.uid };
        await client.resource(CERTIFICATE_SIGNING_REQUESTS).delete(undefined, name, { preconditions });
        return undefined;
      },
    };
  });
}

/** Unix milliseconds. */
export function endOf({ metadata, status }: Stored<CertificateSigningRequest>): number {
  const made = instant(metadata.creationTimestamp);
  const ends = (status?.conditions ?? []).flatMap(({ type, lastUpdateTime }) => {
    const kept = KEPT_MS[type];
    return kept === undefined ? [] : [instant(lastUpdateTime, made) + kept];
  });
  if (ends.length === 0) return made + PENDING_KEPT_MS;
  return Math.min(...ends, certificateEnd(status?.certificate));
}

function certificateEnd(certificate: string | undefined): number {
  if (!certificate) return Number.POSITIVE_INFINITY;
  try {
    return Date.parse(new X509Certificate(Buffer.from(certificate, "base64")).validTo);
  } catch {
    // A signer of somebody else may write what it likes: the request goes with its hour.
    return Number.POSITIVE_INFINITY;
  }
}
