/** Images that are made on this machine, without any registry. */
import type { ImageBootstrapRequest, ImageMaker } from "../api/image-sources.ts";
import { bootstrapImage } from "../image/bootstrap.ts";
import { ensureHelloWorld } from "../image/builtin-images.ts";
import type { ImageStore, ProgressLine } from "../image/contract.ts";
import { NaruError } from "../lib/errors.ts";

export function createImageMaker(images: ImageStore, monitorPath: string): ImageMaker {
  return {
    ensureHelloWorld: () => ensureHelloWorld(images, monitorPath),
    bootstrap: (request, signal) => bootstrap(images, request, signal),
  };
}

const DEBIAN_ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", arm64: "arm64" };

async function* bootstrap(
  images: ImageStore,
  request: ImageBootstrapRequest,
  signal: AbortSignal,
): AsyncGenerator<ProgressLine> {
  const { Suite, Tag, Include, Mirror, Cmd, Entrypoint, Env, Arch } = request;
  const ours = DEBIAN_ARCHITECTURES[process.arch] ?? process.arch;
  if (Arch && Arch !== ours) {
    throw new NaruError("invalid", `this machine makes and runs images for ${ours}, not for ${Arch}`);
  }
  const name = Tag || Suite || "";
  yield* bootstrapImage(
    images,
    { Distribution: Suite, Reference: name, Include, Mirror, Cmd, Entrypoint, Env },
    signal,
  );
  yield { aux: { ID: images.getImage(name).id } };
}
