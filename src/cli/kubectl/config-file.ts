/** The kubeconfig that the commands of `config` read and change: one file. */

import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { CliError } from "../cli-error.ts";
import { kubeconfigPath, readKubeconfig } from "../kubeconfig.ts";
import type { KubectlContext } from "./declaration.ts";
import { yamlText } from "./yaml-text.ts";

export type KubeconfigFile = ReturnType<typeof readKubeconfig>;

/** --kubeconfig, else the first file of KUBECONFIG, else ~/.kube/config. A missing file is an empty one. */
export async function readConfigFile(context: KubectlContext): Promise<{ path: string; config: KubeconfigFile }> {
  const path = context.kubeconfig.path || kubeconfigPath();
  let text = "";
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      throw new CliError(`error: cannot read the kubeconfig ${path}: ${(error as Error).message}`);
    }
  }
  const { preferences, ...config } = readKubeconfig(text, path);
  // Nothing reads preferences any more; kubectl drops them while they are empty.
  const isEmpty = Object.keys((preferences ?? {}) as object).length === 0;
  return { path, config: (isEmpty ? config : { ...config, preferences }) as KubeconfigFile };
}

export async function writeConfigFile(path: string, config: KubeconfigFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o750 });
  // Beside it first: a file that is half written would lock its owner out of every cluster.
  await writeFile(`${path}.naru`, configText(config), { mode: 0o600 });
  await rename(`${path}.naru`, path);
}

/** Members in the order of their names, as kubectl writes them. */
export const configText = (config: KubeconfigFile): string => yamlText(ordered(config));

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, ordered(member)]));
}
