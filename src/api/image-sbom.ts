/** GET /naru/images/{name}/sbom: what is installed in an image. */
import type { PlatformWish } from "../lib/platform.ts";
import type { SbomFormat } from "../sbom/contract.ts";
import { badRequest } from "./errors.ts";
import type { Handlers } from "./router.ts";

/** Bills of materials of the images that are here. */
export interface ImageSboms {
  /** @throws {NaruError} not-found when the image is not here; those of SbomMaker.make() */
  describe(
    ref: string,
    options: { format: SbomFormat; platform?: PlatformWish; signal: AbortSignal },
  ): Promise<{ document: string; manifest: string }>;
}

const CONTENT_TYPES: Readonly<Record<SbomFormat, string>> = {
  "spdx-json": "application/spdx+json",
  "spdx-tag-value": "text/spdx; charset=utf-8",
  "cyclonedx-json": "application/vnd.cyclonedx+json; version=1.5",
  table: "text/plain; charset=utf-8",
};

export function imageSbomHandlers(sboms: ImageSboms): Handlers {
  return {
    NaruImageSbom: async ({ exchange, path, query, signal }) => {
      const format = query.text("format") || "spdx-json";
      if (!isFormat(format)) {
        throw badRequest(`there is no format "${format}"; choose ${Object.keys(CONTENT_TYPES).join(", ")}`);
      }
      const [platform] = query.platforms("platform");
      const { document, manifest } = await sboms.describe(path.name ?? "", { format, platform, signal });
      exchange.text(200, document, { "Content-Type": CONTENT_TYPES[format], "Naru-Image-Manifest": manifest });
    },
  };
}

function isFormat(text: string): text is SbomFormat {
  return Object.hasOwn(CONTENT_TYPES, text);
}
