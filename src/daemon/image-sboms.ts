/** Bills of materials of the images in the store. */
import type { ImageSboms } from "../api/image-sbom.ts";
import type { ImageStore, LayerWorkshop } from "../image/contract.ts";
import { createSbomMaker } from "../sbom/sbom-maker.ts";

export function createImageSboms(images: Pick<ImageStore, "getImage">, workshop: LayerWorkshop): ImageSboms {
  const maker = createSbomMaker();
  return {
    async describe(ref, { format, platform, signal }) {
      const { id, manifest, config, createdAt } = images.getImage(ref, platform);
      const unpin = workshop.pinImage(id);
      try {
        const layers = workshop
          .imageLayers(id, config)
          .map((layer) => workshop.directoryOf(layer))
          .reverse();
        const { architecture, os } = config;
        const document = await maker.make({ digest: manifest, createdAt, architecture, os, layers }, format, {
          signal,
        });
        return { document, manifest };
      } finally {
        unpin();
      }
    },
  };
}
