/** One question to one webhook: AdmissionReview over HTTPS (admission.k8s.io/v1). */

import { errorText } from "../../../lib/errors.ts";
import type { ValidatingWebhook } from "../../../model/kubernetes/admission.ts";
import type { KubeObject, ResourceType } from "../../../model/kubernetes/object.ts";
import type { ClusterClient } from "../../contract.ts";
import type { AdmissionRequest } from "../../machinery/admission.ts";
import { StatusError, type StatusReason } from "../../status.ts";
import { postToWebhook, reviewResponse } from "../../webhook-client.ts";

export interface Verdict {
  readonly uid?: string;
  readonly allowed?: boolean;
  readonly status?: { readonly code?: number; readonly reason?: string; readonly message?: string };
  /** JSON patch in base64. */
  readonly patch?: string;
  readonly patchType?: string;
  readonly warnings?: readonly string[];
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
  const body = reviewOf(uid, request, type, object, before);
  return reviewResponse<Verdict>(await postToWebhook(client, webhook.clientConfig, body, seconds), body);
}

function reviewOf(
  uid: string,
  request: AdmissionRequest,
  type: ResourceType,
  object: KubeObject | undefined,
  before: KubeObject | undefined,
) {
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
