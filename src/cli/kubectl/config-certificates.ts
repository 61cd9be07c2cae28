/** Certificates and keys that `config set-cluster` and `set-credentials` name: kept as paths, or taken into the file. */

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { CliError } from "../cli-error.ts";
import type { Members } from "./kubeconfig/model.ts";

/**
 * The members of an entry that a file's flag sets; undefined ones are taken away.
 * @param field "client-key", whose content stands in "client-key-data"
 * @throws CliError when a file that is to be taken in cannot be read
 */
export async function certificateMembers(field: string, path: string, embed: boolean): Promise<Members> {
  if (!embed) return { [field]: resolve(path), [`${field}-data`]: undefined };
  try {
    return { [field]: undefined, [`${field}-data`]: (await readFile(path)).toString("base64") };
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const why = isMissing ? `stat ${path}: no such file or directory` : (error as Error).message;
    throw new CliError(`error: could not stat ${field} file ${path}: ${why}`);
  }
}
