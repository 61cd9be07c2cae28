import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Descriptor, Index } from "../../model/image.ts";
import { CliError } from "../cli-error.ts";

const NAMES = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];
const DEFAULT_TAG = "latest";

/**
 * Lets `unpack` put an OCI layout into a directory that may hold one: what its index named before stays, but for what has the
 * same name now. Throws CliError for an index that cannot be read.
 */
export async function mergeLayout(directory: string, unpack: () => Promise<void>): Promise<void> {
  const path = join(directory, "index.json");
  const before = await readIndex(path);
  try {
    await unpack();
  } catch (error) {
    // Half an output names nothing yet; what was there before stays named.
    if (before !== undefined) await writeIndex(path, before);
    throw error;
  }
  // Of docker's own format, which an archive has for older tools; they would name the last image alone.
  for (const name of ["manifest.json", "repositories"]) await rm(join(directory, name), { force: true });
  const index = await readIndex(path);
  if (index === undefined) throw new CliError(`the daemon sent no OCI layout for ${directory}`);
  const added = index.manifests.map(named);
  const names = new Set(added.map(nameOf));
  const kept = (before?.manifests ?? []).filter((one) => !names.has(nameOf(one)));
  await writeIndex(path, { ...index, manifests: [...added, ...kept] });
}

const writeIndex = (path: string, index: Index): Promise<void> => writeFile(path, JSON.stringify(index));

/** A name in the index, so that the next output knows what it replaces. */
function named(descriptor: Descriptor): Descriptor {
  if (nameOf(descriptor) !== undefined) return descriptor;
  const annotations = { ...descriptor.annotations, "org.opencontainers.image.ref.name": DEFAULT_TAG };
  return { ...descriptor, annotations };
}

function nameOf({ annotations }: Descriptor): string | undefined {
  return NAMES.map((key) => annotations?.[key]).find((name) => name !== undefined);
}

async function readIndex(path: string): Promise<Index | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const index = JSON.parse(text) as Index;
    if (Array.isArray(index.manifests)) return index;
  } catch {
    // Told below.
  }
  throw new CliError(`${path} is no index of an OCI layout: give another directory as dest`);
}
