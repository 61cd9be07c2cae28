/** --raw: a request to a path of the API, and its answer as it is. */

import { readFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import type { KubectlContext } from "./declaration.ts";

/**
 * Prints the answer as it comes: it may be a watch, and no text.
 * @param file of the body; "-" for standard input @throws CliError, KubeApiError
 */
export async function printRawAnswer(
  context: KubectlContext,
  method: string,
  path: string,
  file?: string,
): Promise<void> {
  if (!path.startsWith("/") && !/^https?:\/\//.test(path))
    throw new CliError(`error: --raw must be a valid URL path: parse ${JSON.stringify(path)}: invalid URI for request`);
  const text = file === undefined ? undefined : await textOf(file);
  const api = await context.api();
  const response = await api.send(method, path, text === undefined ? {} : { text });
  const { writeOut } = await import("../output.ts");
  for await (const chunk of response.body ?? []) writeOut(chunk);
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
