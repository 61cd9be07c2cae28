/** Which storage the registry's settings mean. */
import { NaruError } from "../lib/errors.ts";
import type { RegistryStorage } from "../registry/contract.ts";
import { openLocalStorage } from "../registry/storage/local-storage.ts";
import { openS3Storage } from "../registry/storage/s3-storage.ts";

export interface StorageSettings {
  root: string;
  syncs: boolean;
  /** s3://BUCKET[/PREFIX]; undefined: the root. */
  storage: string | undefined;
  s3: { endpoint: string | undefined; region: string | undefined; pathStyle: boolean | undefined; redirects: boolean };
}

/** @throws invalid when the access key is missing; what the storages throw */
export async function openRegistryStorage(settings: StorageSettings): Promise<RegistryStorage> {
  const { storage, root, syncs, s3 } = settings;
  if (storage === undefined) return await openLocalStorage({ root, syncs });
  const match = /^s3:\/\/([^/]+)\/?(.*)$/.exec(storage);
  if (match === null) throw new NaruError("invalid", `the storage ${storage} is not s3://BUCKET or s3://BUCKET/PREFIX`);
  const { env } = process;
  const region = s3.region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? "us-east-1";
  const givenEndpoint = s3.endpoint ?? env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL;
  const accessKeyId = env.AWS_ACCESS_KEY_ID;
  const secretAccessKey = env.AWS_SECRET_ACCESS_KEY;
  if (!accessKeyId || !secretAccessKey) {
    throw new NaruError("invalid", `${storage}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment`);
  }
  const path = match[2]!.replace(/\/+$/, "");
  return await openS3Storage({
    bucket: match[1]!,
    prefix: path === "" ? "" : `${path}/`,
    region,
    endpoint: givenEndpoint ?? `https://s3.${region}.amazonaws.com`,
    // Servers of one's own seldom have a name per bucket.
    pathStyle: s3.pathStyle ?? givenEndpoint !== undefined,
    redirects: s3.redirects,
    credentials: { accessKeyId, secretAccessKey, sessionToken: env.AWS_SESSION_TOKEN || undefined },
  });
}
