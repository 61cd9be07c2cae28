/** The folders under the daemon's roots that hold one folder for each container and each pod. */
import { mkdir } from "node:fs/promises";
import { spreadChildren } from "../linux/directory-spread.ts";
import type { EngineConfig } from "./config.ts";

/** Makes them. What comes and goes often in one region of an ext4 disk makes each new file slow there, so they are spread. */
export async function createEngineFolders({ dataRoot, execRoot }: EngineConfig): Promise<void> {
  const folders = [
    { path: `${dataRoot}/containers`, mode: 0o710 },
    { path: `${execRoot}/containers`, mode: 0o711 },
    { path: `${execRoot}/pods`, mode: 0o711 },
  ];
  for (const { path, mode } of folders) {
    await mkdir(path, { recursive: true, mode });
    spreadChildren(path);
  }
}
