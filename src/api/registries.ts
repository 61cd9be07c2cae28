/** What the daemon asks registries for its clients: logins, searches, and what a name means there. */
import type { RegistryClient, RemoteRepository } from "../distribution/contract.ts";
import { NaruError } from "../lib/errors.ts";
import { parseReference } from "../lib/image-reference.ts";
import type { Descriptor, ImageConfig, Index, Manifest, Platform } from "../model/image.ts";
import { isIndexType } from "../model/media-types.ts";
import { badRequest } from "./errors.ts";
import { type AuthConfig, credentialsOf, registryCredentials } from "./registry-credentials.ts";
import { readJsonBody } from "./request-body.ts";
import { authConfigShape } from "./request-shapes.ts";
import type { Call, Handlers } from "./router.ts";

const DEFAULT_SEARCH_LIMIT = 25;
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

export function registryHandlers(registries: RegistryClient): Handlers {
  return {
    SystemAuth: (call) => checkLogin(registries, call),
    ImageSearch: (call) => search(registries, call),
    DistributionInspect: (call) => inspect(registries, call),
  };
}

async function checkLogin(registries: RegistryClient, { exchange, signal }: Call): Promise<void> {
  const config = (await readJsonBody<AuthConfig>(exchange, authConfigShape)) ?? {};
  const { Status, IdentityToken } = await registries.checkCredentials(credentialsOf(config), { signal });
  exchange.json(200, { IdentityToken, Status });
}

async function search(registries: RegistryClient, { exchange, query, signal }: Call): Promise<void> {
  const limit = query.text("limit");
  if (limit !== "" && !/^[+-]?\d+$/.test(limit)) {
    throw badRequest(`invalid limit specified: strconv.Atoi: parsing ${JSON.stringify(limit)}: invalid syntax`);
  }
  const results = await registries.search(query.text("term"), {
    limit: limit === "" || Number(limit) === 0 ? DEFAULT_SEARCH_LIMIT : Number(limit),
    filters: query.filters(),
    credentials: registryCredentials(exchange),
    signal,
  });
  exchange.json(200, results);
}

/** Descriptor and platforms of a name, straight from its registry. */
async function inspect(registries: RegistryClient, { exchange, path, signal }: Call): Promise<void> {
  const name = path.name ?? "";
  if (/^(sha256:)?[0-9a-f]{64}$/.test(name)) throw new NaruError("not-found", "no manifest found for full image ID");
  const { domain, path: repository, tag = "latest", digest } = parseReference(name);
  const access = { credentials: registryCredentials(exchange), actions: "pull" as const };
  const remote = registries.repository({ domain, path: repository }, access);
  const { descriptor, bytes } = await remote.fetchManifest(digest ?? tag, { signal }).catch((error: unknown) => {
    // What pull says of it does not fit a question.
    throw error instanceof NaruError && error.cause instanceof NaruError ? error.cause : error;
  });
  const manifest: Index & Manifest = JSON.parse(new TextDecoder().decode(bytes));
  const platforms = isIndexType(descriptor.mediaType)
    ? manifest.manifests.flatMap(({ platform }) => (platform ? [platform] : []))
    : await platformOf(remote, manifest.config, signal);
  exchange.json(200, { Descriptor: descriptor, Platforms: platforms });
}

/** A single manifest says nothing of its platform, its configuration does. */
async function platformOf(remote: RemoteRepository, config: Descriptor, signal: AbortSignal): Promise<Platform[]> {
  if (!config) return [];
  if (config.size > MAX_CONFIG_BYTES) {
    throw new NaruError("invalid", `the image configuration ${config.digest} has ${config.size} bytes: too many`);
  }
  const parts: Uint8Array[] = [];
  for await (const part of remote.readBlob(config, { signal })) parts.push(part);
  const { architecture, os, variant }: Partial<ImageConfig> = JSON.parse(Buffer.concat(parts).toString());
  if (!architecture && !os) return [];
  return [{ architecture: architecture ?? "", os: os ?? "", ...(variant && { variant }) }];
}
