/** What `naru build` wants, as a request to the builder. */
import { NaruError } from "../../lib/errors.ts";
import { machineArchitecture } from "../../lib/machine-architecture.ts";
import { parsePlatform } from "../../lib/platform.ts";
import type { BuildWish, ClientCall, WishCache, WishFile, WishOutput } from "../../model/build-exchange.ts";
import type { Platform } from "../../model/image.ts";
import { DirectoryLayout, type LayoutChoice } from "../contexts/directory-layout.ts";
import type { BuildOutput, BuildRequest, CacheOrigin, CacheTarget, ContextSource, LayoutBlobs } from "../contract.ts";
import { layoutTar } from "../solver/layout-tar.ts";
import { type ClientCalls, clientSession } from "./client-calls.ts";

/** The files that the wish speaks of, when they are here. */
export interface WishedFiles {
  dockerfile: { name: string; text: Uint8Array };
  ignoreFile?: { name: string; text: Uint8Array };
  context?: ContextSource;
}

/** Directories of the client's by their place in the wish. */
interface WishedDirectories {
  named(name: string): ContextSource;
  cache(origin: number): ContextSource;
}

/** @throws {NaruError} invalid */
export function requestOf(
  wish: BuildWish,
  files: WishedFiles,
  directories: WishedDirectories,
  calls: ClientCalls,
): BuildRequest {
  const named = Object.entries(wish.namedContexts).map(([name, address]) => {
    if (typeof address === "string") return [name, address];
    const directory = directories.named(name);
    return [name, address === null ? directory : { layout: new DirectoryLayout(directory, address) }];
  });
  return {
    ...files,
    namedContexts: Object.fromEntries(named) as BuildRequest["namedContexts"],
    target: wish.target,
    buildArgs: wish.buildArgs,
    labels: wish.labels,
    platforms: wish.platforms.length === 0 ? [platformOf("")] : wish.platforms.map(platformOf),
    outputs: wish.outputs.map((output, index) => outputOf(output, index, calls)),
    cacheTo: wish.cacheTo.map((target, index) => cacheTargetOf(target, index, calls)),
    cacheFrom: wish.cacheFrom.map((origin, index) => cacheOriginOf(origin, () => directories.cache(index))),
    noCache: wish.noCache,
    noCacheStages: wish.noCacheStages,
    pull: wish.pull,
    squash: wish.squash,
    networkMode: wish.networkMode || "default",
    extraHosts: wish.extraHosts,
    shmSizeBytes: wish.shmSizeBytes,
    ulimits: wish.ulimits,
    cgroupParent: wish.cgroupParent,
    hostname: "",
    resources: wish.resources,
    entitlements: wish.entitlements,
    attestations: wish.attestations,
    ...(wish.onlyCheck ? { onlyCheck: wish.onlyCheck } : {}),
    session: clientSession(calls, wish),
  };
}

export function fileOf({ name, data }: WishFile): { name: string; text: Uint8Array } {
  return { name, text: Buffer.from(data, "base64") };
}

/** @throws {NaruError} invalid */
function platformOf(text: string): Platform {
  const own = { os: "linux", architecture: machineArchitecture() };
  if (text === "" || text === "local") return own;
  const { os = own.os, architecture = own.architecture, variant } = parsePlatform(text);
  if (os !== "linux")
    throw new NaruError("invalid", `operating system is not supported: ${os} (naru builds linux images)`);
  return { os, architecture, ...(variant ? { variant } : {}) };
}

function outputOf(output: WishOutput, index: number, calls: ClientCalls): BuildOutput {
  if (output.type === "image" || output.type === "cacheonly") return output;
  return { ...output, write: (tar) => sendTar(calls, { name: "output", output: index }, tar) };
}

function cacheTargetOf(target: WishCache, index: number, calls: ClientCalls): CacheTarget {
  if (target.type === "inline") return target;
  const { mode: given = "min", ...attributes } = target.attributes;
  const mode = given === "max" ? "max" : "min";
  if (target.type === "registry") return { type: "registry", ref: target.ref, mode, attributes };
  return {
    type: "local",
    mode,
    attributes,
    write: (blobs) => sendTar(calls, { name: "cache", target: index }, layoutTar(tagged(blobs, attributes.tag))),
  };
}

/** Without a tag the directory's first manifest: naru writes one alone. */
function choiceOf({ digest, tag }: Record<string, string>): LayoutChoice {
  return { ...(digest === undefined ? {} : { digest }), ...(tag === undefined ? {} : { tag }) };
}

function cacheOriginOf(origin: WishCache, directory: () => ContextSource): CacheOrigin {
  if (origin.type === "registry") return origin;
  if (origin.type === "local")
    return { type: "local", layout: new DirectoryLayout(directory(), choiceOf(origin.attributes)) };
  throw new NaruError("invalid", "an inline cache is imported from its image: use type=registry,ref=IMAGE");
}

/** Under that name in the layout's index, beside others that the directory has. */
function tagged(blobs: LayoutBlobs, tag: string | undefined): LayoutBlobs {
  if (tag === undefined) return blobs;
  return { ...blobs, root: { ...blobs.root, annotations: { "org.opencontainers.image.ref.name": tag } } };
}

/** Resolves when the client has it whole. */
async function sendTar(calls: ClientCalls, call: ClientCall, tar: AsyncIterable<Uint8Array>): Promise<void> {
  const { channel, answer } = calls.start(call);
  try {
    for await (const chunk of tar) await channel.write(chunk);
    channel.end();
    await answer;
  } catch (error) {
    channel.fail("the build has ended before the output was whole");
    // The client's own words, when it is the one that gave up.
    await Promise.race([answer, Bun.sleep(0)]);
    throw error;
  } finally {
    channel.close();
  }
}
