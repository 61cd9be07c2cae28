/**
 * Where the registry keeps what, as keys of a RegistryStorage. One file owns this layout ("team/app" is written "team@app",
 * since a key's part is a file name on a disk):
 *
 *   layout                                                  the layout's version, to refuse what a later naru wrote
 *   blobs/<algorithm>/<2 digits>/<hex>                      content of blobs and manifests, each once
 *   links/<algorithm>/<2 digits>/<hex>/<repository>         empty: this repository has this blob
 *   chunks/<algorithm>/<2 digits>/<hex>                     which chunks a blob consists of, once a client has asked
 *   names/<repository>                                      empty: this repository exists
 *   repositories/<repository>/tags/<tag>                    descriptor (JSON) of the tagged manifest
 *   repositories/<repository>/manifests/<algorithm>/<hex>   descriptor (JSON) of a manifest of this repository
 *   repositories/<repository>/referrers/<algorithm>/<hex>/<algorithm>/<hex>
 *                                                           descriptor (JSON) of a manifest whose subject is the first one
 */
import type { Digest } from "../model/image.ts";
import { splitDigest } from "./names.ts";

const LEVEL_DIGITS = 2;

export const KEYS = { layout: "layout", blobs: "blobs/", links: "links/", names: "names/" } as const;

export function blobKey(digest: Digest): string {
  const [algorithm, hex] = splitDigest(digest);
  return `blobs/${algorithm}/${hex.slice(0, LEVEL_DIGITS)}/${hex}`;
}

/** Where the list of a blob's chunks is kept. */
export function chunkListKey(digest: Digest): string {
  return `chunks/${blobKey(digest).slice(KEYS.blobs.length)}`;
}

/** Prefix of the links of all repositories to one blob. */
export function linksPrefix(digest: Digest): string {
  const [algorithm, hex] = splitDigest(digest);
  return `links/${algorithm}/${hex.slice(0, LEVEL_DIGITS)}/${hex}/`;
}

export function linkKey(repository: string, digest: Digest): string {
  return linksPrefix(digest) + escapeRepository(repository);
}

export function nameKey(repository: string): string {
  return KEYS.names + escapeRepository(repository);
}

function repositoryPrefix(repository: string): string {
  return `repositories/${escapeRepository(repository)}/`;
}

export function tagsPrefix(repository: string): string {
  return `${repositoryPrefix(repository)}tags/`;
}

export function tagKey(repository: string, tag: string): string {
  return tagsPrefix(repository) + tag;
}

export function manifestsPrefix(repository: string): string {
  return `${repositoryPrefix(repository)}manifests/`;
}

export function manifestKey(repository: string, digest: Digest): string {
  return `${manifestsPrefix(repository)}${digest.replace(":", "/")}`;
}

export function referrersPrefix(repository: string, subject: Digest): string {
  return `${repositoryPrefix(repository)}referrers/${subject.replace(":", "/")}/`;
}

export function referrerKey(repository: string, subject: Digest, referrer: Digest): string {
  return referrersPrefix(repository, subject) + referrer.replace(":", "/");
}

/** The digest in the last two parts of a key ("…/sha256/ab/<hex>" too). */
export function digestOfKey(key: string): Digest {
  const parts = key.split("/");
  const algorithm = parts.findLast((part) => part === "sha256" || part === "sha512");
  return `${algorithm}:${parts.at(-1)}` as Digest;
}

/** Blob and repository of a link's key. */
export function partsOfLink(key: string): { digest: Digest; repository: string } {
  const slash = key.lastIndexOf("/");
  return { digest: digestOfKey(key.slice(0, slash)), repository: unescapeRepository(key.slice(slash + 1)) };
}

export function unescapeRepository(part: string): string {
  return part.replaceAll("@", "/");
}

function escapeRepository(repository: string): string {
  return repository.replaceAll("/", "@");
}
