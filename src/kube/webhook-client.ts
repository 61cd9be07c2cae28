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
