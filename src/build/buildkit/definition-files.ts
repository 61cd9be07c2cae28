/** The Dockerfile of a build with the ignore file that belongs to it. */
import { isKind, NaruError } from "../../lib/errors.ts";
import type { BuildRequest } from "../contract.ts";
import { placeInside } from "../solver/exec-mounts.ts";
import type { BuildContexts, MainContext } from "./build-contexts.ts";
import type { FrontendAttributes } from "./frontend-attributes.ts";
import type { ShownSteps } from "./shown-steps.ts";

type DefinitionFiles = Pick<BuildRequest, "dockerfile" | "ignoreFile">;

const IGNORE_FILE = ".dockerignore";

/** Reads them from where the attributes say: a directory of its own, or the fetched context. @throws {NaruError} in BuildKit's words */
export async function readDefinition(
  attributes: FrontendAttributes,
  contexts: BuildContexts,
  main: MainContext,
  steps: ShownSteps,
  signal: AbortSignal,
): Promise<DefinitionFiles> {
  const name = attributes.filename || "Dockerfile";
  if ("dockerfile" in main) return { dockerfile: { name, text: main.dockerfile } };
  // A client that sends the Dockerfile itself names its directory or has a directory as context.
  if (!main.isLocal && !attributes.dockerfilekey) return await readFetched(main.directory, name);
  const local = await contexts.local(attributes.dockerfilekey || "dockerfile");
  const own = `${name}.dockerignore`;
  const lowered = name.replace(/[^/]+$/, (base) => base.toLowerCase());
  const directory = await steps.transferring(
    `[internal] load build definition from ${name}`,
    "dockerfile",
    (onTransfer) => local.sync({ include: [...new Set([name, own, lowered])], onTransfer, signal }),
  );
  const dockerfile = await dockerfileIn(directory, name, lowered);
  const ownIgnores = await readInside(directory, own);
  if (ownIgnores) return { dockerfile, ignoreFile: { name: own, text: ownIgnores } };
  const common = main.isLocal
    ? await readIgnoreFile(main.source, steps, signal)
    : await readInside(main.directory, IGNORE_FILE);
  return { dockerfile, ...(common ? { ignoreFile: { name: IGNORE_FILE, text: common } } : {}) };
}

async function readIgnoreFile(
  source: Extract<MainContext, { isLocal: true }>["source"],
  steps: ShownSteps,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const directory = await steps.transferring("[internal] load .dockerignore", "context", (onTransfer) =>
    source.sync({ include: [IGNORE_FILE], onTransfer, signal }),
  );
  return await readInside(directory, IGNORE_FILE);
}

async function readFetched(directory: string, name: string): Promise<DefinitionFiles> {
  const dockerfile = await dockerfileIn(directory, name, name);
  const own = `${name}.dockerignore`;
  const ownIgnores = await readInside(directory, own);
  if (ownIgnores) return { dockerfile, ignoreFile: { name: own, text: ownIgnores } };
  const common = await readInside(directory, IGNORE_FILE);
  return { dockerfile, ...(common ? { ignoreFile: { name: IGNORE_FILE, text: common } } : {}) };
}

/** A file system that tells capitals apart may still hold "dockerfile". */
async function dockerfileIn(directory: string, name: string, lowered: string): Promise<DefinitionFiles["dockerfile"]> {
  const text = (await readInside(directory, name)) ?? (await readInside(directory, lowered));
  if (text === undefined) {
    throw new NaruError("invalid", `failed to read dockerfile: open ${name}: no such file or directory`);
  }
  return { name, text };
}

async function readInside(directory: string, path: string): Promise<Uint8Array | undefined> {
  try {
    return await Bun.file(placeInside(directory, path)).bytes();
  } catch (error) {
    if (isKind(error, "not-found") || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
