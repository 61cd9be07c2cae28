/** What is told of an exported image, under the names that BuildKit's exporters use (`--metadata-file`). */
import type { PublishedImage } from "../../image/contract.ts";

export function imageMetadata(
  { descriptor, configs }: PublishedImage,
  names: readonly string[],
): Record<string, unknown> {
  return {
    "containerimage.digest": descriptor.digest,
    "containerimage.descriptor": descriptor,
    ...(configs.length === 1 ? { "containerimage.config.digest": configs[0]!.digest } : {}),
    ...(names.length > 0 ? { "image.name": names.join(",") } : {}),
  };
}
