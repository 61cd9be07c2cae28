/** Admission by webhooks: mutating ones change what will be stored, one after the other; validating ones are asked all at once. */

import type { MutatingWebhook, ValidatingWebhook } from "../../../model/kubernetes/admission.ts";
import { MUTATING_WEBHOOK_CONFIGURATIONS, VALIDATING_WEBHOOK_CONFIGURATIONS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType, Stored } from "../../../model/kubernetes/object.ts";
import type { AdmissionRequest, AdmissionStep } from "../../machinery/admission.ts";
import type { LocalClusterClient } from "../../machinery/cluster-client.ts";
import { copyOf, sameJson } from "../../machinery/copy.ts";
import { servedObject, storageObject } from "../../machinery/versions.ts";
import { StatusError } from "../../status.ts";
import { CONDITION_NAMES, conditionsHold, requestValues } from "../admission-expressions.ts";
import { callWebhook, denial, unreachable, type Verdict } from "./call-webhook.ts";
import { wantedType } from "./webhook-rules.ts";

/** Asks those of MutatingWebhookConfigurations, one after the other. */
export function mutatingWebhooks(client: LocalClusterClient): AdmissionStep {
  const configurations = client.informer(MUTATING_WEBHOOK_CONFIGURATIONS);
  return {
    name: "MutatingAdmissionWebhook",
    async admit(request) {
      const webhooks = configurations.list().flatMap((configuration) => configuration.webhooks ?? []);
      if (webhooks.length === 0) return;
      const changers: MutatingWebhook[] = [];
      for (const webhook of webhooks) if (await mutate(client, webhook, request)) changers.push(webhook);
      const last = changers.at(-1);
      if (last === undefined) return;
      // Those that want it see once more what came after them.
      for (const webhook of webhooks) {
        if (webhook === last) break;
        if (webhook.reinvocationPolicy === "IfNeeded") await mutate(client, webhook, request);
      }
    },
  };
}

/** Asks those of ValidatingWebhookConfigurations, all at once. */
export function validatingWebhooks(client: LocalClusterClient): AdmissionStep {
  const configurations = client.informer(VALIDATING_WEBHOOK_CONFIGURATIONS);
  return {
    name: "ValidatingAdmissionWebhook",
    async check(request) {
      const webhooks = configurations.list().flatMap((configuration) => configuration.webhooks ?? []);
      await Promise.all(webhooks.map((webhook) => ask(client, webhook, request)));
    },
  };
}

/** True when the webhook changed the object. */
async function mutate(
  client: LocalClusterClient,
  webhook: MutatingWebhook,
  request: AdmissionRequest,
): Promise<boolean> {
  const answer = await ask(client, webhook, request);
  const { object } = request;
  if (answer?.verdict.patch === undefined || object === undefined) return false;
  const { type, verdict } = answer;
  if (verdict.patchType !== "JSONPatch") {
    throw unreachable(webhook.name, new Error(`unsupported patch type ${JSON.stringify(verdict.patchType)}`));
  }
  const kind = client.kindOf(type);
  const operations: unknown = JSON.parse(Buffer.from(verdict.patch!, "base64").toString());
  const isOfKind = isObjectWrite(request);
  const served = isOfKind ? await servedObject<KubeObject>(kind, object as Stored<KubeObject>) : object;
  const patched = copyOf(client.core.schemas.jsonPatch(served, operations));
  if (isOfKind) client.core.schemas.schemaOf(type)?.prune(patched);
  const stored = isOfKind ? await storageObject(client.core, kind, patched, undefined) : patched;
  if (sameJson(stored, object)) return false;
  for (const name of Object.keys(object)) delete (object as unknown as Record<string, unknown>)[name];
  Object.assign(object, stored);
  return true;
}

/** True when the object is of the request's kind, not a subresource's own. */
function isObjectWrite({ object, type }: AdmissionRequest): boolean {
  return object?.kind === type.kind;
}

/** @throws StatusError when a condition cannot be computed and the webhook insists */
function isWanted(
  { name, matchConditions = [], failurePolicy }: ValidatingWebhook,
  request: AdmissionRequest,
): boolean {
  if (matchConditions.length === 0) return true;
  try {
    return conditionsHold(matchConditions, requestValues(request), CONDITION_NAMES);
  } catch (error) {
    if (failurePolicy === "Ignore") return false;
    throw unreachable(name, error);
  }
}

/** Undefined: the webhook does not want to see this, or cannot be asked and does not insist. */
async function ask(
  client: LocalClusterClient,
  webhook: ValidatingWebhook | MutatingWebhook,
  request: AdmissionRequest,
): Promise<{ verdict: Verdict; type: ResourceType } | undefined> {
  const type = wantedType(webhook, request, client);
  if (type === undefined) return undefined;
  if (request.dryRun && !["None", "NoneOnDryRun"].includes(webhook.sideEffects)) {
    throw new StatusError("BadRequest", `admission webhook ${JSON.stringify(webhook.name)} does not support dry run`);
  }
  if (!isWanted(webhook, request)) return undefined;
  const kind = client.kindOf(type);
  const shown = async (object: KubeObject | undefined) =>
    object !== undefined && isObjectWrite(request)
      ? await servedObject<KubeObject>(kind, object as Stored<KubeObject>)
      : object;
  let verdict: Verdict;
  try {
    verdict = await callWebhook(
      client,
      webhook,
      request,
      type,
      await shown(request.object),
      request.before && (await servedObject(kind, request.before)),
    );
  } catch (error) {
    if (webhook.failurePolicy === "Ignore") return undefined;
    throw unreachable(webhook.name, error);
  }
  for (const warning of verdict.warnings ?? []) request.warn(warning);
  if (verdict.allowed !== true) throw denial(webhook.name, verdict);
  return { verdict, type };
}
