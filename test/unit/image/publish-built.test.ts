/** What is made for an image is let go of when the image does not come to be. */
import { expect, test } from "bun:test";
import type { ImageToPublish, LayerWorkshop } from "../../../src/image/contract.ts";
import type { WorkshopParts } from "../../../src/image/layer-workshop.ts";
import { publishBuiltImage } from "../../../src/image/publish-built.ts";
import { failureOf } from "../../support/failure.ts";

test("layers that were still being recompressed when another one failed are released too", async () => {
  const released: string[] = [];
  const recompress: LayerWorkshop["recompress"] = async (blob) => {
    if (blob.size === 0) throw new Error("the disk is full");
    await Bun.sleep(0);
    return { blob, release: () => released.push(blob.digest) };
  };
  const layers = ["a", "b"].map((name, size) => ({
    kind: "image" as const,
    chainId: `sha256:${name}` as const,
    diffId: `sha256:${name}` as const,
    blob: { mediaType: "layer", digest: `sha256:${name}` as const, size },
  }));
  const image: ImageToPublish = {
    platforms: [{ config: { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } }, layers }],
    references: [],
    compression: "zstd",
    forceCompression: true,
    mediaTypes: "oci",
  };
  const { signal } = new AbortController();
  const workshop = { recompress } as LayerWorkshop;
  const failure = await failureOf(publishBuiltImage({} as WorkshopParts, workshop, image, signal));
  expect([failure.message, released]).toEqual(["the disk is full", ["sha256:b"]]);
});
