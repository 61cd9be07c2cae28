/** Indexes that hold indexes: what is found in them, and that hostile ones cost little. */
import { expect, test } from "bun:test";
import type { ContentStore } from "../../../src/image/content-store.ts";
import type { ImageCatalog } from "../../../src/image/image-catalog.ts";
import type { ImageRecord } from "../../../src/image/image-records.ts";
import { indexLeaves } from "../../../src/image/index-tree.ts";
import { planPush } from "../../../src/image/push/push-plan.ts";
import { digestOf } from "../../../src/lib/digest.ts";
import type { Descriptor, Digest } from "../../../src/model/image.ts";
import { MEDIA } from "../../../src/model/media-types.ts";
import { failureOf } from "../../support/failure.ts";

/** Blobs by their digests, each made by a description of what it holds. */
class Blobs {
  readonly byDigest = new Map<Digest, Buffer>();

  index(manifests: Descriptor[], padding = ""): Descriptor {
    const data = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests, padding }));
    const digest = digestOf(data);
    this.byDigest.set(digest, data);
    return { mediaType: MEDIA.index, digest, size: data.length };
  }

  read = async ({ digest }: Pick<Descriptor, "digest">) => this.byDigest.get(digest);
}

const manifest = (name: string): Descriptor => ({ mediaType: MEDIA.manifest, digest: digestOf(name), size: 1 });

const sized = (digest: Digest) => ({ digest, size: 1 });

/** So many indexes, each of which holds the next one twice: the leaf is reached in 2 to the power of `depth` ways. */
function doubling(blobs: Blobs, depth: number): Descriptor {
  let inner = blobs.index([manifest("leaf")]);
  for (let level = 1; level < depth; level++) inner = blobs.index([inner, inner]);
  return inner;
}

test("manifests come in their order, each once, with the indexes on the way; what is not to be had is a leaf", async () => {
  const blobs = new Blobs();
  const inner = blobs.index([manifest("b"), manifest("a")]);
  const absent: Descriptor = { mediaType: MEDIA.index, digest: digestOf("absent"), size: 1 };
  const top = blobs.index([manifest("a"), inner, absent, inner, absent]);
  expect(await indexLeaves(top, blobs.read)).toEqual([
    { descriptor: manifest("a"), indexes: [] },
    { descriptor: manifest("b"), indexes: [inner.digest] },
    { descriptor: absent, indexes: [] },
  ]);
});

test("an index is read once, however often it is held, also for a push", async () => {
  const blobs = new Blobs();
  const top = doubling(blobs, 60);
  expect(await indexLeaves(top, blobs.read)).toMatchObject([{ descriptor: manifest("leaf") }]);
  const record = { id: top.digest, descriptor: top, layers: [], blobs: [...blobs.byDigest.keys()].map(sized) };
  const read: Digest[] = [];
  const readSmall = async (digest: Digest) => {
    read.push(digest);
    return blobs.byDigest.get(digest)!;
  };
  const plan = await planPush(record as unknown as ImageRecord, undefined, "x", {
    content: { readSmall } as unknown as ContentStore,
    catalog: {} as ImageCatalog,
  });
  expect([read.length, plan.children.length, plan.missing]).toEqual([60, 59, [manifest("leaf")]]);
});

test("too many indexes, and too large ones, are refused", async () => {
  const blobs = new Blobs();
  expect((await failureOf(indexLeaves(doubling(blobs, 65), blobs.read))).message).toEndWith("more than 64 indexes");
  const padding = "x".repeat(6 * 1024 * 1024);
  const large = blobs.index(["1", "2", "3"].map((name) => blobs.index([manifest(name)], padding)));
  expect((await failureOf(indexLeaves(large, blobs.read))).message).toEndWith("have more than 16777216 bytes");
});
