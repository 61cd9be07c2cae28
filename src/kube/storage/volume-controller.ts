/** The life of volumes: available, bound, released; what was made for a claim goes with it. */

import type { PersistentVolume } from "../../model/kubernetes/core.ts";
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES } from "../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart, Informer } from "../contract.ts";
import { type Controller, controlLoop } from "../controllers/control-loop.ts";
import type { EventRecorder } from "../machinery/event-recorder.ts";
import { isStatus } from "../status.ts";
import { removeDirectory } from "./local-path.ts";
import { PROVISIONED_BY, PROVISIONER, type StorageTools, VOLUME_PROTECTION } from "./storage-tools.ts";

const NAME = "persistentvolume-reclaimer";
type Volume = Stored<PersistentVolume>;

export function volumeController(tools: StorageTools): ClusterPart {
  return controlLoop(NAME, tools, (own) => makeController({ ...tools, ...own }));
}

function makeController(tools: StorageTools & { events: EventRecorder }): Controller {
  const { client } = tools;
  const volumes = client.informer(PERSISTENT_VOLUMES);
  const claims = client.informer(PERSISTENT_VOLUME_CLAIMS);
  return {
    name: NAME,
    workers: 2,
    informers: [volumes, claims] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      volumes.subscribe({ added: (one) => enqueue(one), updated: (_, after) => enqueue(after) }),
      claims.subscribe({
        updated: (_, { spec }) => spec?.volumeName && enqueue({ metadata: { name: spec.volumeName } }),
        deleted: ({ spec }) => spec?.volumeName && enqueue({ metadata: { name: spec.volumeName } }),
      }),
    ],
    async sync({ name }) {
      const volume = volumes.get(undefined, name);
      if (volume === undefined) return undefined;
      const phase = phaseOf(volume, (namespace, claim) => claims.get(namespace, claim)?.metadata.uid);
      if (volume.metadata.deletionTimestamp !== undefined) {
        if (phase !== "Bound") await setProtection(client, volume, false);
        return undefined;
      }
      let kept = await setProtection(client, volume, true);
      if (kept.status?.phase !== phase) kept = await writePhase(tools, kept, phase);
      if (phase === "Released") await reclaim(tools, kept);
      return undefined;
    },
  };
}

function phaseOf({ spec }: Volume, uidOf: (namespace: string, name: string) => string | undefined): string {
  const { claimRef } = spec ?? {};
  if (claimRef === undefined) return "Available";
  if (claimRef.uid === undefined) return "Available";
  return uidOf(claimRef.namespace ?? "", claimRef.name ?? "") === claimRef.uid ? "Bound" : "Released";
}

async function setProtection(client: ClusterClient, volume: Volume, wanted: boolean): Promise<Volume> {
  const before = volume.metadata.finalizers ?? [];
  if (before.includes(VOLUME_PROTECTION) === wanted) return volume;
  const finalizers = wanted ? [...before, VOLUME_PROTECTION] : before.filter((one) => one !== VOLUME_PROTECTION);
  return client.resource(PERSISTENT_VOLUMES).update({ ...volume, metadata: { ...volume.metadata, finalizers } });
}

function writePhase({ client, now }: StorageTools, volume: Volume, phase: string): Promise<Volume> {
  const lastPhaseTransitionTime = `${new Date(now()).toISOString().slice(0, 19)}Z`;
  return client
    .resource(PERSISTENT_VOLUMES)
    .updateStatus({ ...volume, status: { ...volume.status, phase, lastPhaseTransitionTime } });
}

/** A volume that is kept stays Released until somebody takes its claimRef away. */
async function reclaim(tools: StorageTools & { events: EventRecorder }, volume: Volume): Promise<void> {
  const { spec, metadata } = volume;
  if (spec?.persistentVolumeReclaimPolicy !== "Delete") return;
  if (metadata.annotations?.[PROVISIONED_BY] !== PROVISIONER) {
    const message = "this cluster deletes only volumes that it has made itself: delete this one by hand";
    tools.events.record({ type: PERSISTENT_VOLUMES, object: volume }, "Warning", "VolumeFailedDelete", message);
    return;
  }
  await removeDirectory(tools, spec.hostPath?.path ?? "");
  try {
    await tools.client
      .resource(PERSISTENT_VOLUMES)
      .delete(undefined, metadata.name, { preconditions: { uid: metadata.uid } });
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
}
