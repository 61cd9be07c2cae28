/** The registry's storages against their common contract, and what is special to each. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RegistryStorage } from "../../src/registry/contract.ts";
import { openLocalStorage } from "../../src/registry/storage/local-storage.ts";
import { S3Client } from "../../src/registry/storage/s3-client.ts";
import { openS3Storage, type S3StorageOptions } from "../../src/registry/storage/s3-storage.ts";
import { registryStorageContract } from "../support/registry-storage-contract.ts";
import { startS3Server, type TestS3Server } from "../support/s3-server.ts";

let scratch: string;
let s3: TestS3Server;
const opened: RegistryStorage[] = [];

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-registry-storage-"));
  s3 = await startS3Server("registry");
}, 30_000);

afterAll(async () => {
  await Promise.all(opened.map((storage) => storage.close()));
  await s3?.stop();
  await rm(scratch, { recursive: true, force: true });
});

async function local(root: string): Promise<RegistryStorage> {
  const storage = await openLocalStorage({ root, syncs: true });
  opened.push(storage);
  return storage;
}

function bucket(prefix: string, more: Partial<S3StorageOptions> = {}): S3StorageOptions {
  const credentials = { accessKeyId: s3.env.AWS_ACCESS_KEY_ID!, secretAccessKey: s3.env.AWS_SECRET_ACCESS_KEY! };
  const where = { endpoint: s3.endpoint, region: "us-east-1", bucket: "registry", pathStyle: true };
  return { ...where, credentials, prefix, redirects: false, listPage: 40, ...more };
}

registryStorageContract("local disk", async () => {
  const root = await mkdtemp(join(scratch, "root-"));
  const storage = await local(root);
  return {
    storage,
    reopen: async () => {
      await storage.close();
      return await local(root);
    },
  };
});

let prefixes = 0;
registryStorageContract("S3", async () => {
  const options = bucket(`run-${prefixes++}/`);
  return { storage: await openS3Storage(options), reopen: () => openS3Storage(options) };
});

test("local disk: a second server does not share a root", async () => {
  const root = await mkdtemp(join(scratch, "shared-"));
  await local(root);
  await expect(openLocalStorage({ root, syncs: true })).rejects.toMatchObject({ kind: "conflict" });
});

test("local disk: what a killed server left half-written is gone after the start", async () => {
  const root = await mkdtemp(join(scratch, "killed-"));
  await (await local(root)).close();
  await writeFile(join(root, "staging/half"), "half");
  await local(root);
  expect(await readdir(join(root, "staging"))).toEqual([]);
});

test("S3: a wrong key is told in words that help", async () => {
  const credentials = { accessKeyId: s3.env.AWS_ACCESS_KEY_ID!, secretAccessKey: "wrong" };
  await expect(openS3Storage(bucket("x/", { credentials }))).rejects.toThrow(
    /SignatureDoesNotMatch.*check the access key/,
  );
});

test("S3: a bucket that is not there is told", async () => {
  await expect(openS3Storage(bucket("x/", { bucket: "absent" }))).rejects.toThrow(/NoSuchBucket/);
});

test("S3: a temporary address gives the object to anybody, and only where that is wished", async () => {
  const storage = await openS3Storage(bucket("redirects/", { redirects: true }));
  await storage.write("blobs/a@b", new TextEncoder().encode("content"));
  const address = storage.temporaryAddress("blobs/a@b")!;
  expect(await (await fetch(address)).text()).toBe("content");
  expect((await fetch(address.replace(/Signature=..../, "Signature=0000"))).status).toBe(403);
  expect((await openS3Storage(bucket("redirects/"))).temporaryAddress("blobs/a@b")).toBeUndefined();
});

test("S3: parts that a killed server left are given back", async () => {
  const options = bucket("parts/");
  const client = new S3Client(options);
  const id = await client.beginParts("parts/blobs/x");
  await client.putPart("parts/blobs/x", id, 1, new Uint8Array(5 * 1024 * 1024));
  await client.beginParts("other/blobs/y");
  expect(await client.listUnfinishedParts("parts/")).toEqual([{ key: "parts/blobs/x", uploadId: id }]);
  await openS3Storage(options);
  expect(await client.listUnfinishedParts("parts/")).toEqual([]);
  expect(await client.listUnfinishedParts("other/")).toHaveLength(1);
});

test("S3: a server that is away for a moment is waited for", async () => {
  const storage = await openS3Storage(bucket("away/"));
  await storage.write("key", new TextEncoder().encode("still here"));
  await s3.kill();
  const reading = storage.readSmall("key");
  await s3.start();
  expect(Buffer.from((await reading)!).toString()).toBe("still here");
}, 30_000);
