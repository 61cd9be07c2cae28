/** A project in a registry: an OCI artifact with a layer for each Compose file (docker compose's `publish` and `oci://`). */
import { mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { COMPOSE_VERSION } from "../../../compose/version.ts";
import type { RemoteRepository } from "../../../distribution/contract.ts";
import type { Manifest } from "../../../model/image.ts";
import { MEDIA } from "../../../model/media-types.ts";
import { fetchArtifact, fetchBytes, pushBytes, pushManifestOf } from "../../../signature/attached-artifact.ts";
import { CliError } from "../../cli-error.ts";
import type { CommandContext } from "../../command.ts";
import { openRemoteImage } from "../../registry-access.ts";

const PROJECT = "application/vnd.docker.compose.project";
const COMPOSE_FILE = "application/vnd.docker.compose.file+yaml";
/** Of artifacts before OCI 1.1, which have no type but their configuration's. */
const EMPTY_CONFIG = "application/vnd.docker.compose.config.empty.v1+json";
const FILE_NAME = "com.docker.compose.file";
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const SCHEME = "oci://";

export interface PublishedFile {
  name: string;
  text: string;
}

/** Writes a project's files to a repository, under a tag. Throws as the registry refuses. */
export async function publishProject(
  repository: RemoteRepository,
  tag: string,
  files: readonly PublishedFile[],
  { isOldForm, signal }: { isOldForm: boolean; signal: AbortSignal },
): Promise<void> {
  const configType = isOldForm ? EMPTY_CONFIG : MEDIA.empty;
  const config = await pushBytes(repository, { mediaType: configType, bytes: Buffer.from("{}") }, { signal });
  const layers = [];
  for (const { name, text } of files) {
    const annotations = { "com.docker.compose.version": COMPOSE_VERSION, [FILE_NAME]: name };
    layers.push(
      await pushBytes(repository, { mediaType: COMPOSE_FILE, bytes: Buffer.from(text), annotations }, { signal }),
    );
  }
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    ...(isOldForm ? {} : { artifactType: PROJECT }),
    config,
    layers,
    annotations: { "org.opencontainers.image.created": new Date().toISOString() },
  };
  await pushManifestOf(repository, manifest, { tag, signal });
}

/** Compose files as paths of this machine: those of `oci://REPOSITORY[:TAG]` are fetched first. Throws CliError. */
export async function localFiles(context: CommandContext, files: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(files.map((file) => (isPublished(file) ? fetchFiles(context, file) : [file])));
  return lists.flat();
}

const isPublished = (file: string) => file.startsWith(SCHEME);

async function fetchFiles(context: CommandContext, address: string): Promise<string[]> {
  const { repository, target } = await openRemoteImage(context, address.slice(SCHEME.length), {
    actions: "pull",
    isInsecure: false,
  });
  const { digest } = await repository.resolve(target);
  const manifest = await fetchArtifact(repository, digest);
  if (manifest.artifactType !== PROJECT && manifest.config.mediaType !== EMPTY_CONFIG) {
    throw new CliError(`${address} is no Compose project: 'compose publish' makes them`);
  }
  const folder = join(cacheFolder(), digest.replace(":", "-"));
  await mkdir(folder, { recursive: true });
  const paths: string[] = [];
  for (const layer of manifest.layers) {
    if (layer.mediaType !== COMPOSE_FILE) {
      throw new CliError(`${address} has a file of the kind ${layer.mediaType}, which naru does not read`);
    }
    // A name from elsewhere must not lead out of the folder.
    const path = join(folder, `${paths.length}-${basename(layer.annotations?.[FILE_NAME] ?? "compose.yaml")}`);
    await writeFile(path, await fetchBytes(repository, layer, { maxBytes: MAX_FILE_BYTES }));
    paths.push(path);
  }
  if (paths.length === 0) throw new CliError(`${address} has no Compose file`);
  return paths;
}

const cacheFolder = () => join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "naru", "compose");
