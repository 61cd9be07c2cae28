/** One question to a webhook over HTTPS: of admission, or to convert objects between versions. */

import { boundedJson } from "./bounded-json.ts";
import type { ClusterClient } from "./contract.ts";
import { placeOfService, type ServiceReference } from "./service-place.ts";

/** WebhookClientConfig of admissionregistration.k8s.io and apiextensions.k8s.io: one of url and service. */
export interface WebhookPlace {
  readonly url?: string;
  readonly service?: ServiceReference & { readonly path?: string };
  /** PEM in base64. */
  readonly caBundle?: string;
}

/**
 * What a review answers.
 * @param sent the review that was sent: its answer is one of the same kind, with its uid
 * @throws Error in words for an answer that is none
 */
export function reviewResponse<T extends { readonly uid?: string }>(
  answer: unknown,
  sent: { readonly apiVersion: string; readonly kind: string; readonly request: { readonly uid: string } },
): T {
  const { apiVersion, kind, response } = (answer ?? {}) as { apiVersion?: string; kind?: string; response?: T };
  if (apiVersion !== sent.apiVersion || kind !== sent.kind) {
    const wanted = `${sent.apiVersion}, Kind=${sent.kind}`;
    throw new Error(`expected webhook response of ${wanted}, got ${apiVersion ?? ""}, Kind=${kind ?? ""}`);
  }
  if (response === undefined || response === null) throw new Error("webhook response was absent");
  const { uid } = sent.request;
  if (response.uid !== uid) {
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid)}`);
  }
  return response;
}

/** @returns the JSON of the answer @throws Error in words when it cannot be reached, is too late, or does not answer with 200 */
export async function postToWebhook(
  client: ClusterClient,
  config: WebhookPlace,
  body: object,
  timeoutSeconds: number,
): Promise<unknown> {
  const { url, serverName } = placeOf(client, config);
  url.searchParams.set("timeout", `${timeoutSeconds}s`);
  const { caBundle } = config;
  const named = serverName !== undefined;
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", ...(named && { host: serverName }) },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutSeconds * 1000),
    redirect: "manual",
    tls: { ...(named && { serverName }), ...(caBundle && { ca: Buffer.from(caBundle, "base64").toString() }) },
  } as RequestInit);
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the webhook answered with status ${response.status}`);
  }
  if (response.body === null) throw new Error("the webhook answered with nothing");
  return await boundedJson(response.body);
}

/** `serverName` when it is not the address's own. */
function placeOf(client: ClusterClient, { url, service }: WebhookPlace): { url: URL; serverName?: string } {
  if (url !== undefined) return { url: new URL(url) };
  const { path = "/" } = service!;
  const { host, serverName } = placeOfService(client, service!);
  return { url: new URL(`https://${host}${path.startsWith("/") ? path : `/${path}`}`), serverName };
}
