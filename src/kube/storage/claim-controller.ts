/** Binds claims to volumes, makes volumes for claims of the class local-path, and keeps claims that pods use. */

import type { PersistentVolume, PersistentVolumeClaim } from "../../model/kubernetes/core.ts";
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES } from "../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import { compareQuantities, parseQuantity } from "../../model/kubernetes/quantity.ts";
import type { StorageClass } from "../../model/kubernetes/storage.ts";
import type { ClusterClient, ClusterPart, Informer } from "../contract.ts";
import { type Controller, type ControllerTools, controlLoop } from "../controllers/control-loop.ts";
import { hasEnded } from "../controllers/pod-state.ts";
import type { EventRecorder } from "../machinery/event-recorder.ts";
import { isStatus } from "../status.ts";
import { makeDirectory, newVolume, volumeNameFor } from "./local-path.ts";
import {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  CLAIM_PROTECTION,
  LOCAL_CLASS,
  PROVISIONER,
  SELECTED_NODE,
  type StorageTools,
} from "./storage-tools.ts";
import { findVolume, isHeldFor } from "./volume-match.ts";

const NAME = "persistentvolume-binder";
type Claim = Stored<PersistentVolumeClaim>;
type Volume = Stored<PersistentVolume>;

export function claimController(tools: StorageTools): ClusterPart {
  return controlLoop(NAME, tools, (own) => makeController({ ...tools, ...own }));
}

function makeController(tools: StorageTools & { events: EventRecorder }): Controller {
  const { client } = tools;
  const claims = client.informer(PERSISTENT_VOLUME_CLAIMS);
  const volumes = client.informer(PERSISTENT_VOLUMES);
  const classes = client.informer(STORAGE_CLASSES);
  const pods = client.informer(PODS);
  return {
    name: NAME,
    workers: 4,
    informers: [claims, volumes, classes, pods] as unknown as Informer<KubeObject>[],
    watch(enqueue) {
      void ensureClass(tools);
      const waiting = () => {
        for (const claim of claims.list()) if (claim.status?.phase !== "Bound") enqueue(claim);
      };
      const bound = ({ spec }: Volume) => {
        if (spec?.claimRef?.name)
          enqueue({ metadata: { namespace: spec.claimRef.namespace, name: spec.claimRef.name } });
        else waiting();
      };
      const used = (pod: Parameters<typeof claimNames>[0]) => {
        for (const name of claimNames(pod)) enqueue({ metadata: { namespace: pod.metadata.namespace, name } });
      };
      return [
        claims.subscribe({ added: (one) => enqueue(one), updated: (_, after) => enqueue(after) }),
        volumes.subscribe({ added: bound, updated: (_, after) => bound(after), deleted: bound }),
        classes.subscribe({ added: waiting }),
        pods.subscribe({ updated: (_, after) => hasEnded(after) && used(after), deleted: used }),
      ];
    },
    async sync({ namespace = "", name }) {
      const claim = claims.get(namespace, name);
      if (claim === undefined) return undefined;
      if (claim.metadata.deletionTimestamp !== undefined) {
        const isUsed = pods.list(namespace).some((pod) => !hasEnded(pod) && claimNames(pod).includes(name));
        if (!isUsed) await setFinalizer(client, claim, false);
        return undefined;
      }
      const kept = await setFinalizer(client, claim, true);
      const volumeName = kept.spec?.volumeName;
      if (volumeName) await finishBinding(tools, kept, volumes.get(undefined, volumeName));
      else await bindOrProvision(tools, kept, volumes.list());
      return undefined;
    },
  };
}

function claimNames({
  metadata,
  spec,
}: {
  metadata: { name?: string; namespace?: string };
  spec?: { volumes?: object[] };
}) {
  const volumes = (spec?.volumes ?? []) as {
    name: string;
    persistentVolumeClaim?: { claimName: string };
    ephemeral?: object;
  }[];
  return volumes.flatMap(({ name, persistentVolumeClaim, ephemeral }) =>
    persistentVolumeClaim ? [persistentVolumeClaim.claimName] : ephemeral ? [`${metadata.name}-${name}`] : [],
  );
}

/** A claim that is used is not forgotten: only when the last of its pods has ended. */
async function setFinalizer(client: ClusterClient, claim: Claim, wanted: boolean): Promise<Claim> {
  const before = claim.metadata.finalizers ?? [];
  if (before.includes(CLAIM_PROTECTION) === wanted) return claim;
  const finalizers = wanted ? [...before, CLAIM_PROTECTION] : before.filter((one) => one !== CLAIM_PROTECTION);
  return client.resource(PERSISTENT_VOLUME_CLAIMS).update({ ...claim, metadata: { ...claim.metadata, finalizers } });
}

async function bindOrProvision(
  tools: StorageTools & { events: EventRecorder },
  claim: Claim,
  all: readonly Volume[],
): Promise<void> {
  const { client, events } = tools;
  const className = claim.spec?.storageClassName ?? "";
  const storageClass = className === "" ? undefined : client.informer(STORAGE_CLASSES).get(undefined, className);
  const node = claim.metadata.annotations?.[SELECTED_NODE];
  const found = findVolume(claim, all);
  const isHeld = found !== undefined && isHeldFor(found, claim);
  const mustWait = storageClass?.volumeBindingMode === "WaitForFirstConsumer" && node === undefined && !isHeld;
  const tell = (type: "Normal" | "Warning", reason: string, message: string) =>
    events.record({ type: PERSISTENT_VOLUME_CLAIMS, object: claim }, type, reason, message);
  if (mustWait) {
    tell("Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
    return;
  }
  if (found !== undefined) return bind(tools, claim, found);
  if (storageClass === undefined) {
    const none = "no persistent volumes available for this claim and no storage class is set";
    if (className === "") tell("Normal", "FailedBinding", none);
    else tell("Warning", "ProvisioningFailed", `storageclass.storage.k8s.io "${className}" not found`);
    return;
  }
  if (storageClass.provisioner === PROVISIONER)
    await provision(tools, claim, storageClass, node ?? tools.nodeName, tell);
}

async function provision(
  tools: StorageTools,
  claim: Claim,
  storageClass: StorageClass,
  node: string,
  tell: (type: "Normal" | "Warning", reason: string, message: string) => void,
): Promise<void> {
  if (node !== tools.nodeName) {
    tell("Warning", "ProvisioningFailed", `the node ${node} has no local volumes: only ${tools.nodeName} has`);
    return;
  }
  const fault = unprovided(claim);
  if (fault !== undefined) return tell("Warning", "ProvisioningFailed", fault);
  const volume = newVolume(tools, claim, storageClass, node);
  await makeDirectory(volume.spec?.hostPath?.path ?? "");
  const made = await tools.client
    .resource(PERSISTENT_VOLUMES)
    .create(undefined, volume)
    .catch((error) => {
      if (!isStatus(error, "AlreadyExists")) throw error;
      return tools.client.resource(PERSISTENT_VOLUMES).get(undefined, volumeNameFor(claim));
    });
  tell("Normal", "ProvisioningSucceeded", `Successfully provisioned volume ${made.metadata.name}`);
  await bind(tools, claim, made);
}

/** What a claim asks for that the class cannot give, in words; undefined when it can. */
function unprovided({ spec }: Claim): string | undefined {
  if (spec?.volumeMode === "Block") return `the class ${LOCAL_CLASS} has no block volumes: use volumeMode Filesystem`;
  if (spec?.dataSource !== undefined || spec?.dataSourceRef !== undefined)
    return `the class ${LOCAL_CLASS} makes empty volumes: claim one without dataSource, and copy into it with a Job`;
  return undefined;
}

/** Volume first: a claim never names one that somebody else may take. */
async function bind(tools: ControllerTools, claim: Claim, volume: Volume): Promise<void> {
  const { client } = tools;
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  const isDone = volume.spec?.claimRef?.uid === uid;
  const held = isDone
    ? volume
    : await client.resource(PERSISTENT_VOLUMES).update({
        ...volume,
        metadata: { ...volume.metadata, annotations: { ...volume.metadata.annotations, [BOUND_BY_CONTROLLER]: "yes" } },
        spec: {
          ...volume.spec,
          claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid, resourceVersion },
        },
      });
  const annotations = { ...claim.metadata.annotations, [BIND_COMPLETED]: "yes", [BOUND_BY_CONTROLLER]: "yes" };
  const bound = await client.resource(PERSISTENT_VOLUME_CLAIMS).update({
    ...claim,
    metadata: { ...claim.metadata, annotations },
    spec: { ...claim.spec, volumeName: held.metadata.name },
  });
  await finishBinding(tools, bound, held);
}

async function finishBinding({ client }: ControllerTools, claim: Claim, volume: Volume | undefined): Promise<void> {
  const claims = client.resource(PERSISTENT_VOLUME_CLAIMS);
  const write = (status: PersistentVolumeClaim["status"]) =>
    claims.updateStatus({ ...claim, status: { ...claim.status, ...status } });
  if (volume === undefined) {
    if (claim.status?.phase === "Bound") await write({ phase: "Lost" });
    else if (claim.status?.phase === undefined) await write({ phase: "Pending" });
    return;
  }
  if (!isHeldFor(volume, claim)) {
    // Named by the user: taken when nobody has it.
    if (volume.spec?.claimRef === undefined) await bind({ client } as ControllerTools, claim, volume);
    return;
  }
  if (volume.spec?.claimRef?.uid === undefined) return bind({ client } as ControllerTools, claim, volume);
  const grown = await grow(client, claim, volume);
  const capacity = grown.spec?.capacity ?? {};
  const { accessModes } = grown.spec ?? {};
  const isSame = claim.status?.phase === "Bound" && claim.status.capacity?.storage === capacity.storage;
  if (!isSame) await write({ phase: "Bound", accessModes: accessModes ?? [], capacity });
}

/** A directory has no size of its own: a larger wish is only written down. */
async function grow(client: ClusterClient, { spec }: Claim, volume: Volume): Promise<Volume> {
  const wanted = spec?.resources?.requests?.storage;
  const [wish, has] = [wanted, volume.spec?.capacity?.storage].map((text) => parseQuantity(text ?? "0"));
  const isLocal = volume.spec?.storageClassName === LOCAL_CLASS;
  if (!isLocal || wanted === undefined || !wish || !has || compareQuantities(wish, has) <= 0) return volume;
  const patch = { spec: { capacity: { storage: wanted } } };
  return client.resource(PERSISTENT_VOLUMES).patch(undefined, volume.metadata.name, "merge", patch);
}

/** Made when it is missing at the start; one that was changed stays as it is. */
async function ensureClass({ client, log }: StorageTools): Promise<void> {
  const classes = client.resource(STORAGE_CLASSES);
  try {
    await classes.create(undefined, {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: LOCAL_CLASS, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
      provisioner: PROVISIONER,
      reclaimPolicy: "Delete",
      volumeBindingMode: "WaitForFirstConsumer",
      allowVolumeExpansion: true,
    });
  } catch (error) {
    if (!isStatus(error, "AlreadyExists"))
      log(`the storage class ${LOCAL_CLASS} was not made: ${(error as Error).message}`);
  }
}
