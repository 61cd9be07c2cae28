/** A project in a registry: an OCI artifact with a layer for each of its files (docker compose's `publish` and `oci://`). */
import { appendFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { OCI_SCHEME } from "../../../compose/remote-address.ts";
import { COMPOSE_VERSION } from "../../../compose/version.ts";
import type { RemoteRepository } from "../../../distribution/contract.ts";
import { digestOf } from "../../../lib/digest.ts";
import { isKind } from "../../../lib/errors.ts";
import type { Descriptor, Manifest } from "../../../model/image.ts";
import { MEDIA } from "../../../model/media-types.ts";
import {
  fetchArtifact,
  fetchBytes,
  plainDescriptor,
  pushBytes,
  pushManifestOf,
} from "../../../signature/attached-artifact.ts";
import { CliError } from "../../cli-error.ts";
import type { CommandContext } from "../../command.ts";
import { openRemoteImage } from "../../registry-access.ts";
import { cachedFolder } from "./remote-files.ts";

const PROJECT = "application/vnd.docker.compose.project";
const COMPOSE_FILE = "application/vnd.docker.compose.file+yaml";
const ENV_FILE = "application/vnd.docker.compose.envfile";
/** Of artifacts before OCI 1.1, which have no type but their configuration's. */
const EMPTY_CONFIG = "application/vnd.docker.compose.config.empty.v1+json";
const FILE_NAME = "com.docker.compose.file";
const ENV_FILE_NAME = "com.docker.compose.envfile";
/** On a file that others name, and that is none of the project's own. */
const NAMED_BY_OTHERS = "com.docker.compose.extends";
const VERSION = { "com.docker.compose.version": COMPOSE_VERSION };
/** The file in the cache in which the project's own files stand. */
const WHOLE = "compose.yaml";
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** "compose": laid over those before; "named": other files name it; "env": variables of services. */
export interface PublishedFile {
  kind: "compose" | "named" | "env";
  name: string;
  bytes: Uint8Array;
}
/** "1.0" for registries that know no types of artifacts; "auto" tries 1.1 first. */
export type ArtifactForm = "1.0" | "1.1" | "auto";

/** Writes a project's files to a repository, under a tag. Resolves to the manifest's descriptor. Throws as the registry refuses. */
export async function publishProject(
  repository: RemoteRepository,
  tag: string,
  files: readonly PublishedFile[],
  { form, signal }: { form: ArtifactForm; signal: AbortSignal },
): Promise<Descriptor> {
  const layers: Descriptor[] = [];
  for (const file of files) {
    const blob = { mediaType: file.kind === "env" ? ENV_FILE : COMPOSE_FILE, bytes: file.bytes };
    layers.push(await pushBytes(repository, { ...blob, annotations: annotationsOf(file) }, { signal }));
  }
  const push = async (isOldForm: boolean) => {
    const configType = isOldForm ? EMPTY_CONFIG : MEDIA.empty;
    const config = await pushBytes(repository, { mediaType: configType, bytes: Buffer.from("{}") }, { signal });
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      ...(isOldForm ? {} : { artifactType: PROJECT }),
      config,
      layers,
      annotations: { "org.opencontainers.image.created": new Date().toISOString() },
    };
    return await pushManifestOf(repository, manifest, { tag, signal });
  };
  if (form !== "auto") return await push(form === "1.0");
  try {
    return await push(false);
  } catch (error) {
    // A registry of old finds the manifest wrong.
    if (!isKind(error, "invalid")) throw error;
    return await push(true);
  }
}

function annotationsOf({ kind, name }: PublishedFile): Record<string, string> {
  if (kind === "env") return { ...VERSION, [ENV_FILE_NAME]: name };
  return { ...VERSION, [FILE_NAME]: name, ...(kind === "named" && { [NAMED_BY_OTHERS]: "true" }) };
}

/** Names the project's images, which are in its repository, beside it: an index that refers to it (`publish --app`). */
export async function publishImages(
  repository: RemoteRepository,
  project: Descriptor,
  images: readonly Descriptor[],
  signal: AbortSignal,
): Promise<void> {
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    artifactType: PROJECT,
    manifests: images,
    subject: plainDescriptor(project),
    annotations: VERSION,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(index));
  await repository.pushManifest(digestOf(bytes), { mediaType: MEDIA.index, bytes }, { signal });
}

/**
 * Brings a published project (`oci://REPOSITORY[:TAG]`) into the cache. Resolves to its Compose file, in which all of the project's
 * own files stand, one document each. Throws CliError where there is none.
 */
export async function fetchPublished(context: CommandContext, address: string, signal: AbortSignal): Promise<string> {
  const { repository, target } = await openRemoteImage(context, address.slice(OCI_SCHEME.length), {
    actions: "pull",
    isInsecure: false,
  });
  const { digest } = await repository.resolve(target, { signal });
  const folder = await cachedFolder(digest.slice(digest.indexOf(":") + 1), async (draft) => {
    const manifest = await fetchArtifact(repository, digest, { signal });
    // An artifact of others may lack the configuration that the specification wants.
    const { artifactType, config } = manifest as Partial<Manifest>;
    if (artifactType !== PROJECT && config?.mediaType !== EMPTY_CONFIG)
      throw new CliError(`${address} is no Compose project: 'compose publish' makes them`);
    let count = 0;
    for (const layer of manifest.layers) {
      const bytes = await fetchBytes(repository, layer, { maxBytes: MAX_FILE_BYTES, signal });
      if (await writeLayer(draft, layer, bytes, count === 0)) count++;
    }
    if (count === 0) throw new CliError(`${address} has no Compose file`);
  });
  return join(folder, WHOLE);
}

/** True for a file of the project's own. */
async function writeLayer(folder: string, layer: Descriptor, bytes: Uint8Array, isFirst: boolean): Promise<boolean> {
  const { annotations = {}, mediaType } = layer;
  if (mediaType === ENV_FILE || annotations[NAMED_BY_OTHERS] !== undefined) {
    await writeFile(join(folder, nameOf(layer, mediaType === ENV_FILE ? ENV_FILE_NAME : FILE_NAME)), bytes);
    return false;
  }
  if (mediaType !== COMPOSE_FILE)
    throw new CliError(`the project has a file of the kind ${mediaType}, which naru does not read`);
  const path = join(folder, WHOLE);
  if (!isFirst) await appendFile(path, "\n---\n");
  await appendFile(path, bytes);
  return true;
}

/** A name from elsewhere must not lead out of the folder, nor to the project's own file. */
function nameOf({ annotations = {}, digest }: Descriptor, key: string): string {
  const name = annotations[key];
  if (name === undefined || name === "" || name !== basename(name) || name.startsWith(".") || name === WHOLE)
    throw new CliError(`the project's file ${digest} has the name ${JSON.stringify(name ?? "")}, which is none`);
  return name;
}
