import { stat } from "node:fs/promises";
import { CliError } from "./cli-error.ts";
import { fileErrorText } from "./file-error.ts";

/** The bytes of a file, or of standard input when `path` is empty. Throws CliError with Go's words. */
export async function openInput(path: string): Promise<AsyncIterable<Uint8Array>> {
  if (path === "") return Bun.stdin.stream();
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" });
  } catch (error) {
    throw new CliError(fileErrorText("open", path, error));
  }
  return Bun.file(path).stream();
}
