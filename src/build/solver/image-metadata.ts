import type { PublishedImage } from "../../image/contract.ts";

/**
 * What is told of an exported image, under the names that BuildKit's exporters use (`--metadata-file`). Where there is a
 * configuration's digest, clients take it for the image's id (`build -q`, `--iidfile`): the id of an image in the store is that of
 * its manifest, so it has none.
 */
export function imageMetadata(
  { descriptor, configs }: PublishedImage,
  names: readonly string[],
  isInStore: boolean,
): Record<string, unknown> {
  const [config] = configs;
  return {
    "containerimage.digest": descriptor.digest,
    "containerimage.descriptor": descriptor,
    ...(config && configs.length === 1 && !isInStore ? { "containerimage.config.digest": config.digest } : {}),
    ...(names.length > 0 ? { "image.name": names.join(",") } : {}),
  };
}
