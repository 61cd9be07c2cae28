/** --raw: a request to a path of the API, and its answer as it is. */

import { readFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import type { KubectlContext } from "./declaration.ts";

/** @param file of the body; "-" for standard input @throws CliError, KubeApiError */
export async function rawRequest(
  context: KubectlContext,
  method: string,
  path: string,
  file?: string,
): Promise<string> {
  if (!path.startsWith("/") && !/^https?:\/\//.test(path))
    throw new CliError(`error: --raw must be a valid URL path: parse ${JSON.stringify(path)}: invalid URI for request`);
  const text = file === undefined ? undefined : await textOf(file);
  const api = await context.api();
  return await (await api.send(method, path, text === undefined ? {} : { text })).text();
}

async function textOf(file: string): Promise<string> {
  if (file === "-") return await Bun.stdin.text();
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new CliError(`error: open ${file}: ${isMissing ? "no such file or directory" : (error as Error).message}`);
  }
}
