/**
 * A build cache on its way elsewhere: records with their keys, and the blobs of their layers. It travels as an OCI manifest whose
 * configuration is the list of records ("registry", "local"), or inside an image's configuration ("inline").
 */
import type { Descriptor, Digest, Manifest } from "../../model/image.ts";
import { MEDIA } from "../../model/media-types.ts";
import type { CacheRecord } from "./cache-store.ts";

export const CACHE_CONFIG_TYPE = "application/vnd.naru.build.cache.v1+json";
/** Key in an image's configuration. */
export const INLINE_CACHE_KEY = "naru.build.cache.v1";

/** A record without what belongs to one machine. */
export interface TravellingRecord {
  id: string;
  keys: Digest[];
  identity: Digest;
  kind: CacheRecord["kind"];
  description: string;
  parents: string[];
  /** RFC 3339: images tell it of their layers, so a build from the cache gives the very same image. */
  createdAt?: string;
  validator?: CacheRecord["validator"];
  isKeyOnly?: true;
  /** Absent when the step changed nothing. */
  layer?: { diffId: Digest; blob: Descriptor };
}

export interface CacheList {
  version: 1;
  records: TravellingRecord[];
}

export function manifestOf(list: CacheList): {
  manifest: Uint8Array;
  config: Uint8Array;
  configDescriptor: Descriptor;
} {
  const config = Buffer.from(JSON.stringify(list));
  const configDescriptor = descriptorOf(CACHE_CONFIG_TYPE, config);
  const layers = new Map(
    list.records.flatMap(({ layer }) => (layer ? [[layer.blob.digest, layer.blob] as const] : [])),
  );
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: configDescriptor,
    layers: [...layers.values()],
  };
  return { manifest: Buffer.from(JSON.stringify(manifest)), config, configDescriptor };
}

export function descriptorOf(mediaType: string, data: Uint8Array): Descriptor {
  const digest: Digest = `sha256:${new Bun.CryptoHasher("sha256").update(data).digest("hex")}`;
  return { mediaType, digest, size: data.length };
}

/** Undefined for what is no list of ours, such as another builder's. */
export function parseCacheList(value: unknown): CacheList | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { version, records } = value as Partial<CacheList>;
  if (version !== 1 || !Array.isArray(records)) return undefined;
  return { version, records: records.filter(isRecord) };
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const isDigest = (value: unknown) => typeof value === "string" && DIGEST.test(value);

/** It came from a registry: nothing of it is trusted to be there. */
function isRecord(value: unknown): value is TravellingRecord {
  if (typeof value !== "object" || value === null) return false;
  const { id, keys, identity, kind, description, parents, layer, isKeyOnly, createdAt } =
    value as Partial<TravellingRecord>;
  return (
    typeof id === "string" &&
    /^[a-z0-9]{25}$/.test(id) &&
    Array.isArray(keys) &&
    keys.every(isDigest) &&
    isDigest(identity) &&
    (kind === "regular" || kind === "source.git.checkout") &&
    typeof description === "string" &&
    Array.isArray(parents) &&
    parents.every((parent) => typeof parent === "string") &&
    (createdAt === undefined || (typeof createdAt === "string" && Number.isFinite(Date.parse(createdAt)))) &&
    (isKeyOnly === undefined || (isKeyOnly === true && layer === undefined)) &&
    (layer === undefined ||
      (isDigest(layer.diffId) && isDigest(layer.blob?.digest) && Number.isInteger(layer.blob.size)))
  );
}
