/** hostPath: a place of the machine itself. */

import type { Stats } from "node:fs";
import { mkdir, stat, writeFile } from "node:fs/promises";
import type { HostPathVolumeSource } from "../../../model/kubernetes/core.ts";
import type { ReadyVolume } from "./pod-volumes.ts";

const CHECKS: Readonly<Record<string, { what: string; holds(status: Stats): boolean }>> = {
  Directory: { what: "directory", holds: (status) => status.isDirectory() },
  File: { what: "file", holds: (status) => status.isFile() },
  Socket: { what: "socket", holds: (status) => status.isSocket() },
  CharDevice: { what: "character device", holds: (status) => status.isCharacterDevice() },
  BlockDevice: { what: "block device", holds: (status) => status.isBlockDevice() },
};

export async function openHostPath({ path, type = "" }: HostPathVolumeSource): Promise<ReadyVolume> {
  const ready: ReadyVolume = { kind: "directory", path, readOnly: false };
  const status = await stat(path).catch(() => undefined);
  if (type === "" || type === "DirectoryOrCreate" || type === "FileOrCreate") {
    if (status === undefined && type === "FileOrCreate") await writeFile(path, "", { mode: 0o644 });
    else if (status === undefined) await mkdir(path, { recursive: true, mode: 0o755 });
    const wrong = type === "DirectoryOrCreate" ? status?.isFile() : type === "FileOrCreate" && status?.isDirectory();
    if (wrong)
      throw new Error(`hostPath type check failed: ${path} is not a ${type === "FileOrCreate" ? "file" : "directory"}`);
    return ready;
  }
  const check = CHECKS[type];
  if (check === undefined) throw new Error(`unknown hostPath type ${type}`);
  if (status === undefined || !check.holds(status)) {
    throw new Error(`hostPath type check failed: ${path} is not a ${check.what}`);
  }
  return ready;
}
