/** Tag "Image": images from and to elsewhere: pull, push, load, import, the built-in hello-world, base images made here. */
import type { ImageService } from "../engine/contract.ts";
import type { ProgressLine } from "../image/contract.ts";
import { errorText, isKind, NaruError } from "../lib/errors.ts";
import { requestBytes } from "./byte-streams.ts";
import { badRequest } from "./errors.ts";
import { wishedPlatform } from "./images.ts";
import { streamProgress } from "./json-lines.ts";
import { registryCredentials } from "./registry-credentials.ts";
import { readJsonBody } from "./request-body.ts";
import { imageBootstrapShape, imageVerifyShape } from "./request-shapes.ts";
import type { Call, Handlers } from "./router.ts";

/** What these routes need of the engine. */
type ImageSourcesBackend = Pick<ImageService, "load" | "importTar" | "pull" | "push" | "verify">;

/** Body of POST /naru/images/bootstrap. */
export interface ImageBootstrapRequest {
  /** Distribution and suite: "debian:bookworm". */
  Suite?: string | null;
  /** Name of the image; the suite's when absent. */
  Tag?: string | null;
  /** Packages beside the base system. */
  Include?: string[] | null;
  /** Architecture of the packages; this machine's when absent. */
  Arch?: string | null;
  /** Where the packages come from; the distribution's own servers when absent. */
  Mirror?: string | null;
  Cmd?: string[] | null;
  Entrypoint?: string[] | null;
  Env?: string[] | null;
}

/** Body of POST /naru/images/verify. */
interface ImageVerifyRequest {
  /** Names or ids; all images when empty. */
  Images?: string[] | null;
}

/** Images that naru makes itself. */
export interface ImageMaker {
  /** The built-in hello-world image, made when absent. */
  ensureHelloWorld(): Promise<{ id: string; created: boolean }>;
  /** Progress, and as the last line {"aux": {"ID": …}}. */
  bootstrap(request: ImageBootstrapRequest, signal: AbortSignal): AsyncIterable<ProgressLine>;
}

export function imageSourceHandlers(images: ImageSourcesBackend, maker: ImageMaker): Handlers {
  return {
    ImageLoad: (call) => load(images, call),
    ImagePush: (call) => push(images, call),
    ImageCreate: (call) => create(images, maker, call),
    NaruImageVerify: (call) => verify(images, call),
    NaruImageBootstrap: (call) => bootstrap(maker, call),
  };
}

async function push(images: ImageSourcesBackend, call: Call): Promise<void> {
  const { exchange, path, query, signal } = call;
  const tag = query.text("tag");
  const name = tag === "" ? (path.name ?? "") : withTag(path.name ?? "", tag);
  const request = { name, platform: wishedPlatform(call), credentials: registryCredentials(exchange) };
  await streamProgress(exchange, images.push(request, signal));
}

async function load(images: ImageSourcesBackend, { exchange, query, signal }: Call): Promise<void> {
  const options = { quiet: query.bool("quiet", true), platforms: query.platforms("platform"), signal };
  // Docker tells even the first failure inside the stream.
  exchange.start(200, { "Content-Type": "application/json" });
  await streamProgress(exchange, images.load(requestBytes(exchange), options));
}

async function create(images: ImageSourcesBackend, maker: ImageMaker, call: Call): Promise<void> {
  const image = call.query.text("fromImage");
  const source = call.query.text("fromSrc");
  if (image !== "") return pull(images, maker, call, image);
  if (source === "") throw badRequest("name the image to pull (fromImage) or the archive to import (fromSrc)");
  await streamProgress(call.exchange, importLines(images, call, source));
}

async function* importLines(images: ImageSourcesBackend, call: Call, source: string): AsyncGenerator<ProgressLine> {
  const { exchange, query, signal } = call;
  let archive: AsyncIterable<Uint8Array> = requestBytes(exchange);
  if (source !== "-") {
    const url = /^https?:\/\//.test(source) ? source : `http://${source}`;
    yield { status: `Downloading from ${url}` };
    archive = await download(url, signal);
  }
  const { Id } = await images.importTar(archive, {
    repo: query.text("repo"),
    tag: query.text("tag"),
    message: query.text("message"),
    changes: query.all("changes"),
    platform: query.text("platform"),
    signal,
  });
  yield { status: Id };
}

async function download(url: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  try {
    const response = await fetch(url, { signal });
    if (response.ok && response.body !== null) return response.body;
    throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
  } catch (cause) {
    throw new NaruError("invalid", `cannot download ${url}: ${errorText(cause)}`, { cause });
  }
}

const HELLO_WORLD = /^(docker\.io\/|index\.docker\.io\/)?(library\/)?hello-world(:latest)?$/;
/** How long the registry may keep a first user waiting who has no network. */
const HELLO_WORLD_PATIENCE_MS = 5000;

async function pull(images: ImageSourcesBackend, maker: ImageMaker, call: Call, image: string): Promise<void> {
  const name = withTag(image, call.query.text("tag"));
  const platform = call.query.text("platform");
  const request = { name, platform, credentials: registryCredentials(call.exchange) };
  const isHello = HELLO_WORLD.test(name) && platform === "";
  const lines = isHello ? helloWorld(images, maker, request, call.signal) : images.pull(request, call.signal);
  await streamProgress(call.exchange, lines);
}

/** A tag or digest of its own stands in the place of the name's. */
function withTag(image: string, tag: string): string {
  if (tag === "") return image;
  const bare = image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  return tag.includes(":") ? `${bare}@${tag}` : `${bare}:${tag}`;
}

/** The registry's image, or where no registry answers the one that naru brings along. */
async function* helloWorld(
  images: ImageSourcesBackend,
  maker: ImageMaker,
  request: Parameters<ImageService["pull"]>[0],
  signal: AbortSignal,
): AsyncGenerator<ProgressLine> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), HELLO_WORLD_PATIENCE_MS);
  const lines = images.pull(request, AbortSignal.any([signal, patience.signal]))[Symbol.asyncIterator]();
  let first: IteratorResult<ProgressLine>;
  try {
    first = await lines.next();
  } catch (error) {
    const isOutOfReach = patience.signal.aborted || isKind(error, "unavailable");
    if (signal.aborted || !isOutOfReach) throw error;
    yield* helloWorldLines(maker);
    return;
  } finally {
    clearTimeout(timer);
  }
  if (!first.done) yield first.value;
  yield* { [Symbol.asyncIterator]: () => lines };
}

async function* helloWorldLines(maker: ImageMaker): AsyncGenerator<ProgressLine> {
  yield { status: "Pulling from library/hello-world", id: "latest" };
  const { id, created } = await maker.ensureHelloWorld();
  yield { status: `Digest: ${id}` };
  const outcome = created ? "Downloaded newer image for" : "Image is up to date for";
  yield { status: `Status: ${outcome} hello-world:latest` };
}

async function verify(images: ImageSourcesBackend, { exchange, signal }: Call): Promise<void> {
  const request = await readJsonBody<ImageVerifyRequest>(exchange, imageVerifyShape);
  await streamProgress(exchange, images.verify(request?.Images ?? [], signal));
}

async function bootstrap(maker: ImageMaker, { exchange, signal }: Call): Promise<void> {
  const request = await readJsonBody<ImageBootstrapRequest>(exchange, imageBootstrapShape);
  if (!request?.Suite) throw badRequest("name the distribution and suite to bootstrap, e.g. debian:bookworm");
  await streamProgress(exchange, maker.bootstrap(request, signal));
}
