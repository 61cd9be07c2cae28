/** Images of clients' OCI layouts: hostile manifests are refused in clear words. */
import { expect, test } from "bun:test";
import type { ClientLayout } from "../../../src/build/contract.ts";
import type { BuildRun } from "../../../src/build/solver/build-run.ts";
import { LayoutImages } from "../../../src/build/solver/layout-image.ts";
import type { ImageStore } from "../../../src/image/contract.ts";
import { digestOf } from "../../../src/lib/digest.ts";

const amd64 = { os: "linux", architecture: "amd64" };
const none = digestOf("none");

/** A layout whose named manifest is that text. */
function layoutOf(text: string, digest = digestOf(text)): ClientLayout {
  return {
    name: "lay",
    root: async () => digest,
    async *read() {
      yield Buffer.from(text);
    },
  };
}

async function bring(layout: ClientLayout): Promise<unknown> {
  await using undo = new AsyncDisposableStack();
  const images = { findImage: () => undefined } as Partial<ImageStore> as ImageStore;
  const run = { signal: new AbortController().signal, undo } as unknown as BuildRun;
  return await new LayoutImages(images).bring(layout, amd64, run);
}

const image = (change: object) => JSON.stringify({ config: { digest: none, size: 1 }, layers: [], ...change });
const index = (manifests: unknown) => JSON.stringify({ manifests });

test.each([
  ["another text than its digest says", layoutOf("{}", none), "of lay has the digest"],
  ["no JSON", layoutOf("{"), "is not JSON"],
  ["no object", layoutOf("5"), "is no JSON object"],
  ["no layers", layoutOf(image({ layers: {} })), "is no manifest of an image"],
  ["a layer without a digest", layoutOf(image({ layers: [5] })), "is no manifest of an image"],
  ["a layer that leads out", layoutOf(image({ layers: [{ digest: "sha256:../x", size: 1 }] })), "is no manifest of"],
  ["a size below zero", layoutOf(image({ config: { digest: none, size: -1 } })), "is no manifest of an image"],
  ["no list of manifests", layoutOf(index({})), "has nothing for linux/amd64: it has no platform"],
  [
    "nothing for the platform",
    layoutOf(index([null, { digest: none, size: 1, platform: { os: "linux", architecture: "s390x" } }])),
    "the OCI layout lay has nothing for linux/amd64: it has linux/s390x",
  ],
])("%s is refused", async (_, layout, words) => {
  await expect(bring(layout)).rejects.toThrow(words);
});
