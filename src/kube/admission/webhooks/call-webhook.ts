/** One question to one webhook: AdmissionReview over HTTPS (admission.k8s.io/v1). */

import { errorText } from "../../../lib/errors.ts";
import type { ValidatingWebhook } from "../../../model/kubernetes/admission.ts";
import { ENDPOINT_SLICES, SERVICES } from "../../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType } from "../../../model/kubernetes/object.ts";
import type { ClusterClient } from "../../contract.ts";
import type { AdmissionRequest } from "../../machinery/admission.ts";
import { StatusError, type StatusReason } from "../../status.ts";

export interface Verdict {
  readonly uid?: string;
  readonly allowed?: boolean;
  readonly status?: { readonly code?: number; readonly reason?: string; readonly message?: string };
  /** JSON patch in base64. */
  readonly patch?: string;
  readonly patchType?: string;
  readonly warnings?: readonly string[];
}

interface Place {
  readonly url: string;
  readonly serverName: string;
}

/**
 * @param object, before in the version that the webhook asked for
 * @throws Error when it cannot be reached or does not answer with a review
 */
export async function callWebhook(
  client: ClusterClient,
  webhook: ValidatingWebhook,
  request: AdmissionRequest,
  type: ResourceType,
  object: KubeObject | undefined,
  before: KubeObject | undefined,
): Promise<Verdict> {
  const uid = crypto.randomUUID();
  const seconds = webhook.timeoutSeconds ?? 10;
  const { url, serverName } = placeOf(client, webhook);
  const asked = new URL(url);
  asked.searchParams.set("timeout", `${seconds}s`);
  const ca = webhook.clientConfig.caBundle;
  const response = await fetch(asked, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", host: serverName },
    body: JSON.stringify(reviewOf(uid, request, type, object, before)),
    signal: AbortSignal.timeout(seconds * 1000),
    redirect: "manual",
    tls: { serverName, ...(ca ? { ca: Buffer.from(ca, "base64").toString() } : {}) },
  } as RequestInit);
  if (!response.ok) throw new Error(`the webhook answered with status ${response.status}`);
  const review = (await response.json()) as { kind?: string; response?: Verdict };
  if (review.response === undefined) throw new Error("webhook response was absent");
  if (review.response.uid !== uid)
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(review.response.uid)}`);
  return review.response;
}

/** Services are reached at one of their pods: the API server stands outside of the cluster's network. */
function placeOf(client: ClusterClient, { clientConfig }: ValidatingWebhook): Place {
  const { url, service } = clientConfig;
  if (url !== undefined) return { url, serverName: new URL(url).hostname };
  const { namespace, name, path = "/", port = 443 } = service!;
  const found = client.informer(SERVICES).get(namespace, name);
  if (found === undefined) throw new Error(`service ${JSON.stringify(name)} not found`);
  const wanted = found.spec?.ports?.find((one) => one.port === port);
  const slices = client.informer(ENDPOINT_SLICES).list(namespace);
  for (const { metadata, endpoints = [], ports = [] } of slices) {
    if (metadata.labels?.["kubernetes.io/service-name"] !== name) continue;
    const target = ports.find((one) => (one.name ?? "") === (wanted?.name ?? ""))?.port;
    const address = endpoints.find(({ conditions }) => conditions?.ready !== false)?.addresses[0];
    if (target === undefined || address === undefined) continue;
    const host = address.includes(":") ? `[${address}]` : address;
    return {
      url: `https://${host}:${target}${path.startsWith("/") ? path : `/${path}`}`,
      serverName: `${name}.${namespace}.svc`,
    };
  }
  throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
}

function reviewOf(
  uid: string,
  request: AdmissionRequest,
  type: ResourceType,
  object: KubeObject | undefined,
  before: KubeObject | undefined,
): object {
  const { user, subresource } = request;
  const kindOf = ({ group, version, kind }: ResourceType) => ({ group, version, kind });
  const resourceOf = ({ group, version, resource }: ResourceType) => ({ group, version, resource });
  const sent = subresource === undefined || object === undefined ? undefined : gvkOf(object);
  const sub = subresource === undefined ? {} : { subResource: subresource, requestSubResource: subresource };
  return {
    kind: "AdmissionReview",
    apiVersion: "admission.k8s.io/v1",
    request: {
      uid,
      kind: sent ?? kindOf(type),
      resource: resourceOf(type),
      requestKind: sent ?? kindOf(request.type),
      requestResource: resourceOf(request.type),
      ...sub,
      name: request.name,
      ...(request.namespace === undefined ? {} : { namespace: request.namespace }),
      operation: request.operation,
      userInfo: { username: user.name, uid: user.uid, groups: user.groups, extra: user.extra },
      object: object ?? null,
      oldObject: before ?? null,
      dryRun: request.dryRun,
      options: { kind: `${optionsKind(request.operation)}Options`, apiVersion: "meta.k8s.io/v1" },
    },
  };
}

function optionsKind(operation: AdmissionRequest["operation"]): string {
  if (operation === "CONNECT") return "Create";
  return operation.charAt(0) + operation.slice(1).toLowerCase();
}

/** Group, version and kind that an object says of itself (an Eviction, a Binding …). */
function gvkOf({ apiVersion, kind }: KubeObject): object | undefined {
  if (!apiVersion || !kind) return undefined;
  const slash = apiVersion.indexOf("/");
  return { group: apiVersion.slice(0, Math.max(0, slash)), version: apiVersion.slice(slash + 1), kind };
}

/** The answer to a client whose write a webhook did not allow. */
export function denial(name: string, { status }: Verdict): StatusError {
  const by = `admission webhook ${JSON.stringify(name)} denied the request`;
  const why = status?.message || status?.reason;
  const code = status?.code ?? 0;
  const reason = (status?.reason || (code === 403 ? "Forbidden" : "BadRequest")) as StatusReason;
  return new StatusError(
    reason,
    why ? `${by}: ${why}` : `${by} without explanation`,
    undefined,
    undefined,
    Math.max(400, code),
  );
}

/** The answer when a webhook cannot be asked and its policy is to fail. */
export function unreachable(name: string, error: unknown): StatusError {
  const message = `Internal error occurred: failed calling webhook ${JSON.stringify(name)}: failed to call webhook: ${errorText(error)}`;
  return new StatusError("InternalError", message, {
    causes: [{ message: message.slice("Internal error occurred: ".length) }],
  });
}
