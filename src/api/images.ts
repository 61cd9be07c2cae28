/** Tag "Image", without bringing images in (image-sources.ts). */
import type { ImageService } from "../engine/contract.ts";
import type { PlatformWish } from "../lib/platform.ts";
import { streamBytes } from "./byte-streams.ts";
import { badRequest } from "./errors.ts";
import { nullWhenEmpty, shapeHistoryItem, shapeImageInspect, shapeImageSummary } from "./replies.ts";
import type { Call, Handlers } from "./router.ts";

/** What these routes need of the engine. */
type ImagesBackend = Pick<ImageService, "list" | "inspect" | "history" | "tag" | "remove" | "prune" | "save">;

export function imageHandlers(images: ImagesBackend): Handlers {
  return {
    ImageList: (call) => list(images, call),
    ImageInspect: (call) => inspect(images, call),
    ImageHistory: async (call) => {
      const items = await images.history(imageRef(call), wishedPlatform(call));
      call.exchange.json(200, items.map(shapeHistoryItem));
    },
    ImageTag: (call) => tag(images, call),
    ImageDelete: (call) => remove(images, call),
    ImagePrune: (call) => prune(images, call),
    ImageGet: (call) => save(images, call, [imageRef(call)]),
    ImageGetAll: (call) => save(images, call, call.query.all("names")),
  };
}

function imageRef(call: Call): string {
  return call.path.name ?? "";
}

/** The one platform that is asked for. @throws invalid for several */
export function wishedPlatform(call: Call): PlatformWish | undefined {
  const [platform, another] = call.query.platforms("platform");
  if (another !== undefined) throw badRequest("ask for one platform at a time");
  return platform;
}

async function list(images: ImagesBackend, { exchange, query, version }: Call): Promise<void> {
  const summaries = await images.list({
    all: query.bool("all"),
    filters: query.filters(),
    sharedSize: version >= 42 && query.bool("shared-size"),
    manifests: version >= 47 && query.bool("manifests"),
  });
  exchange.json(
    200,
    summaries.map((summary) => shapeImageSummary(summary, version)),
  );
}

async function inspect(images: ImagesBackend, call: Call): Promise<void> {
  const platform = wishedPlatform(call);
  const manifests = call.version >= 48 && call.query.bool("manifests");
  if (platform !== undefined && manifests) {
    throw badRequest("conflicting options: manifests and platform options cannot both be set");
  }
  const image = await images.inspect(imageRef(call), { platform, manifests });
  call.exchange.json(200, shapeImageInspect(image, call.version));
}

async function tag(images: ImagesBackend, call: Call): Promise<void> {
  await images.tag(imageRef(call), call.query.text("repo"), call.query.text("tag"));
  call.exchange.empty(201);
}

async function remove(images: ImagesBackend, call: Call): Promise<void> {
  const ref = imageRef(call);
  if (ref.trim() === "") throw badRequest("image name cannot be blank");
  const platforms = call.query.platforms("platforms");
  const options = { force: call.query.bool("force"), noPrune: call.query.bool("noprune"), platforms };
  call.exchange.json(200, await images.remove(ref, options));
}

async function prune(images: ImagesBackend, { exchange, query }: Call): Promise<void> {
  const { deleted, spaceReclaimed } = await images.prune(query.filters());
  exchange.json(200, { ImagesDeleted: nullWhenEmpty(deleted), SpaceReclaimed: spaceReclaimed });
}

async function save(images: ImagesBackend, call: Call, refs: string[]): Promise<void> {
  const { exchange, signal } = call;
  const platforms = call.query.platforms("platform");
  await streamBytes(exchange, await images.save(refs, { platforms, signal }), { "Content-Type": "application/x-tar" });
}
