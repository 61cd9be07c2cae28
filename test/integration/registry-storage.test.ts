/** The registry's storages against their common contract, and what is special to each. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import type { RegistryStorage } from "../../src/registry/contract.ts";
import { BucketLease } from "../../src/registry/storage/bucket-lease.ts";
import { openLocalStorage } from "../../src/registry/storage/local-storage.ts";
import { S3Client } from "../../src/registry/storage/s3-client.ts";
import { openS3Storage, type S3StorageOptions } from "../../src/registry/storage/s3-storage.ts";
import { startCountingProxy } from "../support/counting-proxy.ts";
import { eventually } from "../support/daemon.ts";
import { registryStorageContract } from "../support/registry-storage-contract.ts";
import { startS3Server, type TestS3Server } from "../support/s3-server.ts";

let scratch: string;
let s3: TestS3Server;
const opened: RegistryStorage[] = [];

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-registry-storage-"));
  s3 = await startS3Server("registry");
});

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

async function inBucket(options: S3StorageOptions): Promise<RegistryStorage> {
  const storage = await openS3Storage(options);
  opened.push(storage);
  return storage;
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
  return { storage: await inBucket(options), reopen: () => inBucket(options) };
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
  const storage = await inBucket(bucket("redirects/", { redirects: true }));
  await storage.write("blobs/a@b", new TextEncoder().encode("content"));
  const address = storage.temporaryAddress("blobs/a@b")!;
  expect(await (await fetch(address)).text()).toBe("content");
  expect((await fetch(address.replace(/Signature=..../, "Signature=0000"))).status).toBe(403);
  expect((await inBucket(bucket("redirects/"))).temporaryAddress("blobs/a@b")).toBeUndefined();
});

test("S3: a second server stays out while the first one lives, and the first writes nothing once it has lost", async () => {
  const client = new S3Client(bucket("lease/"));
  const lease = (more: object) =>
    new TextEncoder().encode(
      JSON.stringify({ holder: "other", host: "elsewhere", pid: 7, renewedAt: Date.now(), ...more }),
    );
  const alive = lease({});
  await client.put("lease/lease", alive);
  await expect(openS3Storage(bucket("lease/"))).rejects.toThrow(
    /another registry server uses this bucket \(elsewhere, process 7\)/,
  );
  await client.put("lease/lease", lease({ host: hostname(), pid: process.ppid }));
  await expect(openS3Storage(bucket("lease/"))).rejects.toMatchObject({ kind: "conflict" });
  // Killed servers: of this machine, and of another some time ago.
  for (const gone of [{ host: hostname(), pid: 2 ** 22 + 1 }, { renewedAt: Date.now() - 100_000 }]) {
    await client.put("lease/lease", lease(gone));
    await (await openS3Storage(bucket("lease/"))).close();
    expect(await client.head("lease/lease")).toBeUndefined();
  }
  const held = await BucketLease.take(client, "lease/lease", 20);
  held.check();
  await eventually(async () => {
    // Renewed, as a living server does: one write alone may fall between the first one's look and its own renewal.
    await client.put("lease/lease", alive);
    try {
      held.check();
      return false;
    } catch (error) {
      return (error as { kind: string }).kind === "conflict";
    }
  });
  await held.release();
  expect(await client.head("lease/lease")).toBeDefined();
});

test("S3: parts that a killed server left are given back", async () => {
  const options = bucket("parts/");
  const client = new S3Client(options);
  const id = await client.beginParts("parts/blobs/x");
  await client.putPart("parts/blobs/x", id, 1, new Uint8Array(5 * 1024 * 1024));
  await client.beginParts("other/blobs/y");
  expect(await client.listUnfinishedParts("parts/")).toEqual([{ key: "parts/blobs/x", uploadId: id }]);
  await inBucket(options);
  expect(await client.listUnfinishedParts("parts/")).toEqual([]);
  expect(await client.listUnfinishedParts("other/")).toHaveLength(1);
});

test("S3: a server that is away for a moment is waited for", async () => {
  await using proxy = await startCountingProxy(new URL(s3.endpoint).host);
  const storage = await openS3Storage(bucket("away/", { endpoint: `http://${proxy.host}` }));
  try {
    await storage.write("key", new TextEncoder().encode("still here"));
    proxy.away();
    const reading = storage.readSmall("key");
    await eventually(() => proxy.refused > 0);
    proxy.back();
    expect(Buffer.from((await reading)!).toString()).toBe("still here");
  } finally {
    proxy.back();
    await storage.close();
  }
});
