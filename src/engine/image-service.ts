/** The images' part of the engine: the store's work with events and the containers' claims. */
import type { ProgressLine } from "../image/contract.ts";
import { NaruError } from "../lib/errors.ts";
import { taggedReference } from "../lib/image-reference.ts";
import type { ImageService } from "./contract.ts";
import type { EngineContext } from "./engine-context.ts";
import { listImages } from "./image-list.ts";
import { inspectImage } from "./image-manifests.ts";
import { familiarReference, imagesOfRepository } from "./image-references.ts";
import { pruneImages, publishImageEvent, removeImage } from "./image-remove.ts";
import { pullImage, pushImage } from "./image-transfer.ts";

export function createImageService(context: EngineContext): ImageService {
  const { images } = context;
  return {
    list: (options) => listImages(context, options),
    inspect: (ref, options = {}) => inspectImage(context, ref, options),
    history: async (ref, platform) => images.history(ref, platform),
    async tag(ref, repo, tag) {
      const target = taggedReference(repo, tag);
      const image = await images.tagImage(ref, target);
      publishImageEvent(context, "tag", image.id, familiarReference(target));
    },
    remove: (ref, options) => removeImage(context, ref, options),
    prune: (filters) => pruneImages(context, filters),
    pull: (request, signal) => pullImage(context, request, signal),
    push: (request, signal) => pushImage(context, request, signal),
    verify: (refs, signal) => images.verify(refs, { signal }),
    load: (archive, options) => loadImages(context, archive, options),
    async save(refs, options) {
      // Unknown names are told before the stream begins.
      const chosen = refs.flatMap((ref) => {
        const named = imagesOfRepository(images.listImages(), ref);
        const found = named.length > 0 ? named : [images.findImage(ref)];
        return found.map((image) => {
          if (image === undefined) throw new NaruError("not-found", `No such image: ${ref}`);
          return image.id;
        });
      });
      const tar = images.save(refs, options);
      for (const id of new Set(chosen)) publishImageEvent(context, "save", id, id);
      return tar;
    },
    async importTar(archive, { repo, tag, message, changes, signal, platform }) {
      const reference = repo === "" ? undefined : taggedReference(repo, tag);
      const image = await images.importTar(archive, {
        reference,
        message,
        changes,
        signal,
        platform: platform || undefined,
      });
      publishImageEvent(context, "import", image.id, image.id);
      return { Id: image.id };
    },
  };
}

async function* loadImages(
  context: EngineContext,
  archive: AsyncIterable<Uint8Array>,
  options: Parameters<ImageService["load"]>[1],
): AsyncGenerator<ProgressLine> {
  for await (const line of context.images.load(archive, options)) {
    const name = /^Loaded image(?: ID)?: (.*)\n$/.exec(typeof line.stream === "string" ? line.stream : "")?.[1];
    const image = name === undefined ? undefined : context.images.findImage(name);
    if (image !== undefined && name !== undefined) publishImageEvent(context, "load", image.id, name);
    yield line;
  }
}
