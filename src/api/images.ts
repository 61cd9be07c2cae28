/** Tag "Image", without bringing images in (image-sources.ts). */
import type { ImageService } from "../engine/contract.ts";
import { streamBytes } from "./byte-streams.ts";
import { badRequest } from "./errors.ts";
import { nullWhenEmpty, shapeHistoryItem, shapeImageInspect, shapeImageSummary } from "./replies.ts";
import type { Call, Handlers } from "./router.ts";

/** What these routes need of the engine. */
type ImagesBackend = Pick<
  ImageService,
  "list" | "inspect" | "history" | "tag" | "remove" | "prune" | "save" | "requirePlatforms"
>;

export function imageHandlers(images: ImagesBackend): Handlers {
  return {
    ImageList: (call) => list(images, call),
    ImageInspect: (call) => inspect(images, call),
    ImageHistory: async (call) => {
      requirePlatforms(images, call, "platform");
      const items = await images.history(imageRef(call));
      call.exchange.json(200, items.map(shapeHistoryItem));
    },
    ImageTag: (call) => tag(images, call),
    ImageDelete: (call) => remove(images, call),
    ImagePrune: (call) => prune(images, call),
    ImageGet: (call) => save(images, call, [imageRef(call)]),
    ImageGetAll: (call) => save(images, call, call.query.all("names")),
    // There is no build cache to prune.
    BuildPrune: ({ exchange }) => exchange.json(200, { CachesDeleted: null, SpaceReclaimed: 0 }),
  };
}

function imageRef(call: Call): string {
  return call.path.name ?? "";
}

/** Every image here is for one platform: a question about another one is refused, in words that say which it is for. */
function requirePlatforms(images: ImagesBackend, call: Call, parameter: string, refs = [imageRef(call)]): void {
  const platforms = call.query.platforms(parameter);
  if (platforms.length > 0) for (const ref of refs) images.requirePlatforms(ref, platforms);
}

async function list(images: ImagesBackend, { exchange, query, version }: Call): Promise<void> {
  const summaries = await images.list({
    all: query.bool("all"),
    filters: query.filters(),
    sharedSize: version >= 42 && query.bool("shared-size"),
  });
  exchange.json(
    200,
    summaries.map((summary) => shapeImageSummary(summary, version)),
  );
}

async function inspect(images: ImagesBackend, call: Call): Promise<void> {
  requirePlatforms(images, call, "platform");
  call.exchange.json(200, shapeImageInspect(await images.inspect(imageRef(call)), call.version));
}

async function tag(images: ImagesBackend, call: Call): Promise<void> {
  await images.tag(imageRef(call), call.query.text("repo"), call.query.text("tag"));
  call.exchange.empty(201);
}

async function remove(images: ImagesBackend, call: Call): Promise<void> {
  const ref = imageRef(call);
  if (ref.trim() === "") throw badRequest("image name cannot be blank");
  requirePlatforms(images, call, "platforms");
  const options = { force: call.query.bool("force"), noPrune: call.query.bool("noprune") };
  call.exchange.json(200, await images.remove(ref, options));
}

async function prune(images: ImagesBackend, { exchange, query }: Call): Promise<void> {
  const { deleted, spaceReclaimed } = await images.prune(query.filters());
  exchange.json(200, { ImagesDeleted: nullWhenEmpty(deleted), SpaceReclaimed: spaceReclaimed });
}

async function save(images: ImagesBackend, call: Call, refs: string[]): Promise<void> {
  requirePlatforms(images, call, "platform", refs);
  const { exchange, signal } = call;
  await streamBytes(exchange, await images.save(refs, signal), { "Content-Type": "application/x-tar" });
}
