/** emptyDir: a directory that lives as long as its pod, on disk or in memory. */

import { chmod, chown, mkdir, stat } from "node:fs/promises";
import { MS, mount } from "../../../linux/mount.ts";
import type { EmptyDirVolumeSource, PodSecurityContext } from "../../../model/kubernetes/core.ts";
import { wholeValue } from "../../../model/kubernetes/quantity.ts";
import type { ReadyVolume } from "./pod-volumes.ts";

/** One that exists (after a restart of the daemon) is taken as it is. */
export async function openEmptyDirectory(
  path: string,
  { medium, sizeLimit }: EmptyDirVolumeSource,
  shared: PodSecurityContext | undefined,
): Promise<ReadyVolume> {
  const isNew = (await stat(path).catch(() => undefined)) === undefined;
  if (isNew) {
    await mkdir(path, { recursive: true, mode: 0o755 });
    if (medium === "Memory" || medium?.startsWith("HugePages")) {
      if (medium !== "Memory") throw new Error(`this node has no volumes of medium ${medium}`);
      const bytes = wholeValue(sizeLimit);
      const data = `mode=777${bytes > 0 ? `,size=${bytes}` : ""}`;
      mount({ type: "tmpfs", source: "tmpfs", target: path, flags: MS.NOSUID | MS.NODEV, data });
    }
    const group = shared?.fsGroup;
    if (group !== undefined) await chown(path, 0, group);
    // After the owner: changing that takes the group's bit away.
    await chmod(path, group === undefined ? 0o777 : 0o2777);
  }
  return { kind: "directory", path, readOnly: false };
}
