/** What BuildKit clients name as exporters, and which of their settings are refused. */
import { expect, test } from "bun:test";
import { outputsOf } from "../../../src/build/buildkit/client-exporters.ts";

type Parts = Parameters<typeof outputsOf>[1];

/** Nothing is sent: no part is asked for anything. */
const outputs = (Type: string, Attrs: Record<string, string>) => outputsOf([{ Type, Attrs }], {} as Parts);

test("annotations stand on what their settings name", () => {
  const settings = {
    name: "a,b",
    "annotation.k": "1",
    "annotation[linux/arm64].k": "2",
    "annotation-manifest[linux/amd64].k": "3",
    "annotation-index.k": "4",
    "annotation-index-descriptor.k": "5",
  };
  expect(outputs("image", settings)).toMatchObject([
    {
      names: ["a", "b"],
      annotations: {
        "manifest:k": "1",
        "manifest[linux/arm64]:k": "2",
        "manifest[linux/amd64]:k": "3",
        "index:k": "4",
        "index-descriptor:k": "5",
      },
    },
  ]);
});

test.each([
  [{ "push-by-digest": "true" }, "the setting push-by-digest=true of the exporter image is not supported: give"],
  [{ store: "false" }, "store=false of the exporter image is not supported: what is pushed is kept here too"],
  [{ "annotation-layer.k": "v" }, "the builder does not know it"],
  [{ compression: "estargz" }, "compression estargz is not supported: use gzip, zstd or uncompressed"],
])("%j is refused", (settings, words) => {
  expect(() => outputs("image", settings as Record<string, string>)).toThrow(words);
});

test("settings that ask for nothing are taken", () => {
  expect(() => outputs("image", { "push-by-digest": "false", store: "true" })).not.toThrow();
});
