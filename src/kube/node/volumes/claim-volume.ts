/** persistentVolumeClaim: the directory of the volume that the claim is bound to. */

import type { Pod } from "../../../model/kubernetes/core.ts";
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES } from "../../../model/kubernetes/names.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import type { NodeContext } from "../node-context.ts";
import { applyGroup } from "./file-groups.ts";
import { openHostPath } from "./host-path.ts";
import type { ReadyVolume } from "./pod-volumes.ts";

export async function openClaim(
  { client }: NodeContext,
  pod: Stored<Pod>,
  claimName: string,
  readOnly: boolean,
): Promise<ReadyVolume> {
  const claim = client.informer(PERSISTENT_VOLUME_CLAIMS).get(pod.metadata.namespace, claimName);
  if (claim === undefined) throw new Error(`persistentvolumeclaim "${claimName}" not found`);
  if (claim.spec?.volumeMode === "Block") throw new Error("this node has no block volumes: use volumeMode Filesystem");
  const volumeName = claim.spec?.volumeName;
  if (!volumeName || claim.status?.phase !== "Bound") {
    throw new Error(`persistentvolumeclaim "${claimName}" is not bound yet`);
  }
  const volume = client.informer(PERSISTENT_VOLUMES).get(undefined, volumeName);
  if (volume === undefined) throw new Error(`persistentvolume "${volumeName}" not found`);
  const { hostPath, local, accessModes = [] } = volume.spec ?? {};
  const source = hostPath ?? (local === undefined ? undefined : { path: local.path, type: "Directory" });
  if (source === undefined) {
    throw new Error(`this node can mount persistent volumes of types hostPath and local; "${volumeName}" is neither`);
  }
  const ready = await openHostPath(source);
  const { fsGroup, fsGroupChangePolicy } = pod.spec?.securityContext ?? {};
  // As node agents do it: volumes of type hostPath belong to the machine and keep their owners.
  if (fsGroup !== undefined && local !== undefined && ready.kind === "directory") {
    await applyGroup(ready.path, fsGroup, { onlyWhenRootDiffers: fsGroupChangePolicy === "OnRootMismatch" });
  }
  const isOnlyReadable = accessModes.length > 0 && accessModes.every((mode) => mode === "ReadOnlyMany");
  return { ...ready, readOnly: readOnly || isOnlyReadable } as ReadyVolume;
}
