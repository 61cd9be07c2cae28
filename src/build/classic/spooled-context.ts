/** A context that comes as a tar: unpacked by a worker while it is received, kept until the build is over. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerFiles } from "../../image/contract.ts";
import { isKind, NaruError } from "../../lib/errors.ts";
import type { ContextSource } from "../contract.ts";
import { placeInside } from "../solver/exec-mounts.ts";
import type { ArrivedContext } from "./classic-request.ts";

interface SpooledContext {
  directory: string;
  remove(): Promise<void>;
}

/** @throws {NaruError} invalid for what is no tar; nothing is left behind then */
export async function spoolContext(
  files: ContainerFiles,
  contextsDirectory: string,
  tar: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<SpooledContext> {
  const directory = join(contextsDirectory, randomBytes(8).toString("hex"));
  const remove = () => rm(directory, { recursive: true, force: true });
  // Steps may mount it and run as any user; what lies above lets nobody else in.
  await mkdir(directory, { recursive: true, mode: 0o755 });
  try {
    await files.writeArchive(directory, "/", tar, { noOverwriteDirNonDir: false, signal });
  } catch (error) {
    await remove();
    throw error;
  }
  return { directory, remove };
}

/**
 * The Dockerfile with the files beside it. `name` is the path that the client gave.
 * @throws {NaruError} invalid, in Docker's words
 */
export async function arrivedContext(directory: string, name: string): Promise<ArrivedContext> {
  const path = name || "Dockerfile";
  const text =
    (await readInside(directory, path)) ?? (name === "" ? await readInside(directory, "dockerfile") : undefined);
  if (text === undefined) throw new NaruError("invalid", `Cannot locate specified Dockerfile: ${path}`);
  const own = await readInside(directory, `${path}.dockerignore`);
  const common = own ? undefined : await readInside(directory, ".dockerignore");
  const ignored = own ?? common;
  return {
    dockerfile: { name: path, text },
    ...(ignored ? { ignoreFile: { name: own ? `${path}.dockerignore` : ".dockerignore", text: ignored } } : {}),
    context: directorySource(directory),
  };
}

function directorySource(directory: string): ContextSource {
  return { name: "context", isTemporary: true, sync: async () => directory };
}

async function readInside(directory: string, path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(placeInside(directory, path));
  } catch (error) {
    if (isKind(error, "not-found")) return undefined;
    throw error;
  }
}
