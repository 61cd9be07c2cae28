/** Empties a namespace that is to go: pods first, then the rest; when nothing is left it takes its own finalizer away. */

import { errorText } from "../../../lib/errors.ts";
import type { Namespace } from "../../../model/kubernetes/core.ts";
import { NAMESPACES, PODS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart, Informer } from "../../contract.ts";
import { sameJson } from "../../machinery/copy.ts";
import { isStatus } from "../../status.ts";
import { type Controller, type ControllerTools, controlLoop } from "../control-loop.ts";
import { deletionConditions, type Remainder } from "./deletion-conditions.ts";

const NAME = "namespace-controller";
const FINALIZER = "kubernetes";
/** Until what is left is looked at again; only while a namespace is on its way out. */
const LOOK_AGAIN_MS = 200;

export function namespaceController(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController({ client, now }: ControllerTools): Controller {
  const namespaces = client.informer(NAMESPACES);
  const isLeaving = (namespace: Namespace) => namespace.metadata.deletionTimestamp !== undefined;
  return {
    name: NAME,
    workers: 5,
    informers: [namespaces as unknown as Informer<KubeObject>],
    watch: (enqueue) => [
      namespaces.subscribe({
        added: (namespace) => {
          if (isLeaving(namespace)) enqueue(namespace);
        },
        updated: (_, namespace) => {
          if (isLeaving(namespace)) enqueue(namespace);
        },
      }),
    ],
    async sync({ name }) {
      const namespace = namespaces.get(undefined, name);
      if (namespace === undefined || !isLeaving(namespace)) return undefined;
      const { remaining, failure } = await empty(client, name);
      const conditions = deletionConditions(namespace.status?.conditions, remaining, failure, now());
      const written = await writeConditions(client, namespace, conditions);
      if (remaining.length > 0 || failure !== undefined) return LOOK_AGAIN_MS;
      await finalize(client, written);
      return undefined;
    },
  };
}

async function writeConditions(
  client: ClusterClient,
  namespace: Stored<Namespace>,
  conditions: NonNullable<Namespace["status"]>["conditions"],
): Promise<Stored<Namespace>> {
  if (sameJson(conditions, namespace.status?.conditions)) return namespace;
  return client.resource(NAMESPACES).updateStatus({ ...namespace, status: { ...namespace.status, conditions } });
}

async function finalize(client: ClusterClient, namespace: Stored<Namespace>): Promise<void> {
  const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
  const next = { ...namespace, spec: { ...namespace.spec, finalizers } };
  await client.resource(NAMESPACES).update(next, { subresource: "finalize" });
}

/** Every stored kind once, whatever versions it is served in. */
function namespacedKinds(client: ClusterClient): ResourceType[] {
  const kinds = new Map<Informer<KubeObject>, ResourceType>();
  for (const type of client.types()) if (type.namespaced) kinds.set(client.informer(type), type);
  return [...kinds.values()];
}

async function empty(
  client: ClusterClient,
  namespace: string,
): Promise<{ remaining: Remainder[]; failure: string | undefined }> {
  const isPods = (type: ResourceType) => type.group === PODS.group && type.resource === PODS.resource;
  const kinds = namespacedKinds(client);
  const pods = await deleteAll(client, namespace, kinds.filter(isPods));
  // What protects pods and serves them stays as long as they do.
  if (pods.remaining.length > 0 || pods.failure !== undefined) {
    return { remaining: remainders(client, namespace, kinds), failure: pods.failure };
  }
  return deleteAll(client, namespace, kinds);
}

function remainders(client: ClusterClient, namespace: string, kinds: readonly ResourceType[]): Remainder[] {
  return kinds
    .map((type) => ({ type, objects: client.informer(type).list(namespace) }))
    .filter(({ objects }) => objects.length > 0);
}

async function deleteAll(
  client: ClusterClient,
  namespace: string,
  kinds: readonly ResourceType[],
): Promise<{ remaining: Remainder[]; failure: string | undefined }> {
  let failure: string | undefined;
  for (const { type, objects } of remainders(client, namespace, kinds)) {
    if (objects.every((object) => object.metadata.deletionTimestamp !== undefined)) continue;
    try {
      await client.resource(type).deleteCollection({ namespace }, { propagationPolicy: "Background" });
    } catch (error) {
      if (!isStatus(error, "NotFound", "MethodNotAllowed", "Conflict")) failure = errorText(error);
    }
  }
  return { remaining: remainders(client, namespace, kinds), failure };
}
