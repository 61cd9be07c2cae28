/** Which repositories are copies of which upstream's. */

import type { RegistryCredentials } from "../../distribution/contract.ts";
import { NaruError } from "../../lib/errors.ts";
import { asText, type SettingReader } from "../config/setting-reader.ts";
import { anyOf, type NamePattern, parsePattern } from "../repository-pattern.ts";

const DEFAULT_TTL_MS = 10 * 60_000;

export interface Upstream {
  /** "docker.io", "ghcr.io", "registry.example:5000". */
  host: string;
  /** Its repositories are stored (and reached) under this name and a slash. */
  prefix: string;
  credentials: (() => Promise<RegistryCredentials>) | undefined;
  /** How long a tag is served without asking again. */
  ttlMs: number;
  /** Names without the prefix that are also looked up there: what clients ask that use this registry as a mirror of the host. */
  mirrorFor: NamePattern;
}

/** A repository of ours and what it is a copy of. */
export interface CachedName {
  upstream: Upstream;
  /** Under which it is stored: "docker.io/library/debian". */
  stored: string;
  /** Its path at the upstream: "library/debian". */
  path: string;
}

export class Upstreams {
  constructor(readonly list: readonly Upstream[]) {}

  /** The upstream of a stored name. */
  find(repository: string): CachedName | undefined {
    const upstream = this.list.find(({ prefix }) => repository.startsWith(`${prefix}/`));
    if (upstream === undefined) return undefined;
    return { upstream, stored: repository, path: upstreamPath(upstream, repository.slice(upstream.prefix.length + 1)) };
  }

  /** Where a name without a prefix is looked up when it is not here: at the first upstream that this is a mirror of. */
  findMirrored(repository: string): CachedName | undefined {
    if (this.find(repository) !== undefined) return undefined;
    const upstream = this.list.find(({ mirrorFor }) => mirrorFor(repository));
    if (upstream === undefined) return undefined;
    const path = upstreamPath(upstream, repository);
    return { upstream, stored: `${upstream.prefix}/${path}`, path };
  }

  /** The stored name for a request; `asked` is the host that containerd names in ?ns=. */
  storedName(repository: string, asked: string | undefined): string {
    const upstream = asked === undefined ? undefined : this.list.find(({ host }) => isSameHost(host, asked));
    if (upstream === undefined) return this.find(repository)?.stored ?? repository;
    return `${upstream.prefix}/${upstreamPath(upstream, repository)}`;
  }
}

/** Docker Hub's own images have a first part that people leave out. */
function upstreamPath({ host }: Upstream, path: string): string {
  return host === "docker.io" && !path.includes("/") ? `library/${path}` : path;
}

function isSameHost(host: string, asked: string): boolean {
  const name = ["index.docker.io", "registry-1.docker.io"].includes(asked) ? "docker.io" : asked;
  return host === name.toLowerCase();
}

/** @throws {NaruError} invalid naming the key */
export function parseUpstream(section: SettingReader): Upstream {
  const where = section.pathOf("").replace(/\.$/, "");
  const host = section
    .required("host", asText)
    .toLowerCase()
    .replace(/^https?:\/\//, "")
    .replace(/\/$/, "");
  const prefix = section.text("prefix") ?? host;
  if (!/^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/.test(prefix)) {
    throw new NaruError(
      "invalid",
      `${where}.prefix: ${JSON.stringify(prefix)} cannot be part of a repository's name; give a prefix such as ${JSON.stringify(host.replace(/[^a-z0-9.]+/g, "-"))}`,
    );
  }
  const mirrorFor = section.texts("mirrorFor") ?? [];
  const upstream = {
    host,
    prefix,
    credentials: parseCredentials(section, where),
    ttlMs: section.duration("ttl") ?? DEFAULT_TTL_MS,
    mirrorFor: anyOf(mirrorFor.map(parsePattern)),
  };
  section.done();
  return upstream;
}

function parseCredentials(section: SettingReader, where: string): Upstream["credentials"] {
  const username = section.text("username");
  const password = section.text("password");
  const file = section.text("passwordFile");
  if (username === undefined && password === undefined && file === undefined) return undefined;
  if (username === undefined || (password === undefined) === (file === undefined)) {
    throw new NaruError("invalid", `${where} needs a username and either a password or a passwordFile`);
  }
  return async () => ({ username, password: password ?? (await Bun.file(file!).text()).trim() });
}
