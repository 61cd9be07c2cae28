/** The user's editor on a temporary file. */

import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { CliError } from "../../cli-error.ts";

export interface EditedFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Opens the editor of KUBE_EDITOR or EDITOR, else vi, and waits until it ends.
 * @param program for the file's name
 * @throws CliError when the editor fails; the file is gone then
 */
export async function editText(program: string, text: string, ending: string): Promise<EditedFile> {
  const path = await newFile(`${basename(program)}-edit-`, ending);
  await writeFile(path, text, { mode: 0o600 });
  const editor = process.env.KUBE_EDITOR || process.env.EDITOR || "vi";
  const code = await exitCodeOf(wordsOf(editor, path));
  if (code !== 0) {
    await rm(path, { force: true });
    throw new CliError(`error: there was a problem with the editor ${JSON.stringify(editor)}`);
  }
  return { path, text: (await readFile(path, "utf8")).replaceAll("\r\n", "\n") };
}

/** The keys for signals are the editor's while it runs: what the user has written must not be lost with us. */
async function exitCodeOf(words: string[]): Promise<number> {
  const ignore = () => {};
  process.on("SIGINT", ignore);
  try {
    return await Bun.spawn(words, { stdin: "inherit", stdout: "inherit", stderr: "inherit" }).exited;
  } catch {
    // Not found, as a shell would tell it.
    return 127;
  } finally {
    process.off("SIGINT", ignore);
  }
}

/** Editors with quotes in their words need a shell. */
function wordsOf(editor: string, path: string): string[] {
  if (!/["'\\]/.test(editor)) return [...editor.split(" ").filter((word) => word !== ""), path];
  return [process.env.SHELL || "/bin/bash", "-c", `${editor} ${JSON.stringify(path)}`];
}

/** A folder's name is the system's to choose; its file takes that name. */
async function newFile(prefix: string, ending: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  const inside = join(folder, "file");
  await writeFile(inside, "", { mode: 0o600 });
  const path = `${folder}${ending}`;
  await rename(inside, path);
  await rm(folder, { recursive: true });
  return path;
}
