/** ResourceQuotas: what a new or growing object uses is written into the quota's status before it is stored, or it is refused. */

import type { Container, Pod, ResourceQuota } from "../../model/kubernetes/core.ts";
import { PERSISTENT_VOLUME_CLAIMS, PODS, RESOURCE_QUOTAS, SERVICES } from "../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import { formatQuantity, parseQuantity } from "../../model/kubernetes/quantity.ts";
import type { ClusterClient } from "../contract.ts";
import { countedUsage, quotaStatus } from "../controllers/resource-quotas/quota-status.ts";
import { isInScope } from "../controllers/resource-quotas/scopes.ts";
import { amountOf, isKind, type Usage, usageOf } from "../controllers/resource-quotas/usage.ts";
import type { AdmissionRequest, AdmissionStep } from "../machinery/admission.ts";
import { sameJson } from "../machinery/copy.ts";
import { isStatus } from "../status.ts";
import { forbidden } from "./forbidden.ts";

/** How often a quota that others write at the same time is tried again. */
const ATTEMPTS = 20;
/** Amounts that every container must name where a quota limits them. */
const COMPUTE = /^(?:(requests|limits)\.)?(cpu|memory)$/;

export function resourceQuotas(client: ClusterClient): AdmissionStep {
  const quotas = client.informer(RESOURCE_QUOTAS);
  const turns = new Map<string, Promise<unknown>>();
  return {
    name: "ResourceQuota",
    async check(request) {
      const { namespace, object } = request;
      if (namespace === undefined || object === undefined || quotas.list(namespace).length === 0) return;
      const more = addedUsage(request, object);
      if (more.size === 0) return;
      // One after the other, so that two objects do not both take what is left for one.
      const turn = (turns.get(namespace) ?? Promise.resolve())
        .catch(() => {})
        .then(() => chargeAll(client, request, object, more));
      turns.set(namespace, turn);
      try {
        await turn;
      } finally {
        if (turns.get(namespace) === turn) turns.delete(namespace);
      }
    },
  };
}

/** What the write uses more than what was there before. */
function addedUsage({ operation, type, subresource, before }: AdmissionRequest, object: KubeObject): Usage {
  const now = Date.now();
  if (operation === "CREATE" && subresource === undefined) return usageOf(type, object, now);
  const grows = [PODS, SERVICES, PERSISTENT_VOLUME_CLAIMS].some((one) => isKind(type, one));
  if (operation !== "UPDATE" || before === undefined || !grows || subresource === "status") return new Map();
  const more: Usage = new Map();
  const then = usageOf(type, before, now);
  for (const [name, amount] of usageOf(type, object, now)) {
    const difference = amount - (then.get(name) ?? 0n);
    if (difference > 0n) more.set(name, difference);
  }
  return more;
}

async function chargeAll(
  client: ClusterClient,
  request: AdmissionRequest,
  object: KubeObject,
  more: Usage,
): Promise<void> {
  const quotas = client.informer(RESOURCE_QUOTAS);
  for (const { metadata } of quotas.list(request.namespace)) {
    for (let attempt = 1; ; attempt++) {
      const quota = quotas.get(request.namespace, metadata.name);
      if (quota === undefined || !isInScope(quota, request.type, object)) break;
      try {
        await charge(client, request, object, quota, more);
        break;
      } catch (error) {
        if (!isStatus(error, "Conflict") || attempt === ATTEMPTS) throw error;
      }
    }
  }
}

async function charge(
  client: ClusterClient,
  request: AdmissionRequest,
  object: KubeObject,
  quota: Stored<ResourceQuota>,
  more: Usage,
): Promise<void> {
  const hard = quota.spec?.hard ?? {};
  const unnamed = isKind(request.type, PODS) ? unnamedAmounts(object as Pod, Object.keys(hard)) : [];
  if (unnamed.length > 0) {
    throw forbidden(request, `failed quota: ${quota.metadata.name}: must specify ${unnamed.join("; ")}`);
  }
  const names = Object.keys(hard).filter((name) => more.has(name));
  if (names.length === 0) return;
  const used = usedNow(client, quota);
  const next: Usage = new Map(used);
  for (const name of names) next.set(name, (used.get(name) ?? 0n) + more.get(name)!);
  const exceeded = names.filter((name) => next.get(name)! > (parseQuantity(hard[name]!)?.nano ?? 0n)).sort();
  if (exceeded.length > 0) {
    const list = (amounts: Usage) =>
      exceeded.map((name) => `${name}=${formatQuantity(amountOf(amounts.get(name) ?? 0n, hard[name]!))}`).join(",");
    const limits = exceeded.map((name) => `${name}=${hard[name]}`).join(",");
    const why = `exceeded quota: ${quota.metadata.name}, requested: ${list(more)}, used: ${list(used)}, limited: ${limits}`;
    throw forbidden(request, why);
  }
  if (request.dryRun) return;
  await client.resource(RESOURCE_QUOTAS).updateStatus({ ...quota, status: quotaStatus(quota, next) });
}

/** What the status says; counted when it does not yet speak of this specification. */
function usedNow(client: ClusterClient, quota: Stored<ResourceQuota>): Usage {
  const { status, spec } = quota;
  if (status?.used === undefined || !sameJson(status.hard, spec?.hard)) return countedUsage(client, quota, Date.now());
  return new Map(Object.entries(status.used).map(([name, text]) => [name, parseQuantity(text)?.nano ?? 0n]));
}

/** "limits.cpu for: web,side" for each amount that the quota limits and a container does not name. */
function unnamedAmounts({ spec }: Pod, names: readonly string[]): string[] {
  const containers: Container[] = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return names.toSorted().flatMap((name) => {
    const match = COMPUTE.exec(name);
    if (match === null) return [];
    const part = match[1] === "limits" ? "limits" : "requests";
    if (spec?.resources?.[part]?.[match[2]!] !== undefined) return [];
    const silent = containers.filter(({ resources }) => resources?.[part]?.[match[2]!] === undefined);
    return silent.length === 0 ? [] : [`${name} for: ${silent.map((one) => one.name).join(",")}`];
  });
}
