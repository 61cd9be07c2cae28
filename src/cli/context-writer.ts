import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CliError } from "./cli-error.ts";
import type { ContextMetadata, ContextStore } from "./context-store.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/;
const DEFAULT_NAME = "default";

/** Throws CliError unless a context of that name may be made. */
export function checkNewContextName(name: string): void {
  if (name === "") throw new CliError("context name cannot be empty");
  if (name === DEFAULT_NAME) throw new CliError('"default" is a reserved context name');
  if (!NAME.test(name)) {
    throw new CliError(
      `context name "${name}" is invalid, names are validated against regexp "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"`,
    );
  }
}

/** True when there is a context of that name. */
export async function hasContext(store: ContextStore, name: string): Promise<boolean> {
  return (await store.listContexts()).some((context) => context.Name === name);
}

/** Writes a context's metadata; its TLS files, by file name, replace the former ones unless they are left out. */
export async function writeContext(
  store: ContextStore,
  context: ContextMetadata,
  tlsFiles?: ReadonlyMap<string, string>,
): Promise<void> {
  const metaFolder = store.folder("meta", context.Name);
  await mkdir(metaFolder, { recursive: true, mode: 0o755 });
  await writeFile(join(metaFolder, "meta.json"), JSON.stringify(context), { mode: 0o644 });
  if (!tlsFiles) return;
  const tlsFolder = store.folder("tls", context.Name);
  await rm(tlsFolder, { recursive: true, force: true });
  if (tlsFiles.size === 0) return;
  const folder = join(tlsFolder, "docker");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [file, text] of tlsFiles) await writeFile(join(folder, file), text, { mode: 0o600 });
}

/** Removes a context's files. */
export async function deleteContext(store: ContextStore, name: string): Promise<void> {
  await rm(store.folder("tls", name), { recursive: true, force: true });
  await rm(store.folder("meta", name), { recursive: true, force: true });
}
