/** `--build-context name=…`: other files, images or repositories in the place of stages, base images and sources. */
import { NaruError } from "../../lib/errors.ts";
import { parseGitSource } from "../../lib/git-address.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import { canonicalReference, familiarName, parseReference } from "../../lib/image-reference.ts";
import { platformText } from "../../lib/platform.ts";
import type { Platform } from "../../model/image.ts";
import type { BuildRequest, ContextSource } from "../contract.ts";
import type { ResolvedImage, Step } from "../solver/graph.ts";
import { readIgnores } from "./context-steps.ts";
import type { Planning } from "./planning.ts";
import type { StageNode } from "./stage-node.ts";

export interface NamedContext {
  name: string;
  source: BuildRequest["namedContexts"][string];
}
/** Without an image: a tree of files. */
export interface LoadedContext {
  root: Step | undefined;
  image?: ResolvedImage;
  /** The last stage of another build. */
  stage?: StageNode;
}

const DOCKER_IMAGE = "docker-image://";
const RESERVED = new Set(["scratch", "context"]);

/** The context that stands for a stage or an image; one for this platform ("name::linux/arm64") goes first. */
export function findNamedContext(planning: Planning, name: string, platform: Platform): NamedContext | undefined {
  const contexts = Object.entries(planning.request.namedContexts);
  if (contexts.length === 0 || RESERVED.has(name.toLowerCase())) return undefined;
  const wanted = contextKey(name);
  const ofPlatform = `${wanted}::${platformText(platform)}`;
  const find = (key: string) => contexts.find(([candidate]) => candidate === key || contextKey(candidate) === key);
  const found = find(ofPlatform) ?? find(wanted);
  return found && { name: found[0], source: found[1] };
}

/** Names are compared as images' are: "debian", "debian:latest" and "docker.io/library/debian" are one. */
function contextKey(name: string): string {
  const [base = "", platform] = name.split("::");
  const suffix = platform === undefined ? "" : `::${platform}`;
  try {
    return familiarName(canonicalReference(parseReference(base))).replace(/:latest$/, "") + suffix;
  } catch (error) {
    if (error instanceof NaruError) return name;
    throw error;
  }
}

/** @throws {NaruError} invalid for a kind of address that is not known */
export async function loadNamedContext(
  planning: Planning,
  context: NamedContext,
  platform: Platform,
  paths: Set<string>,
): Promise<LoadedContext> {
  const { name, source } = context;
  if (typeof source !== "string" && "build" in source) {
    if (source.build.plan) return { root: (await source.build.plan(planning.services)).targets[0]?.root };
    const stage = await planning.planOther(source.build, platform);
    return { root: stage.root, stage };
  }
  if (typeof source !== "string" && "layout" in source) {
    return imageContext(name, source.layout.name, await planning.services.resolveLayout(source.layout, { platform }));
  }
  if (typeof source !== "string") return { root: await localTree(planning, name, source, paths) };
  if (source.startsWith(DOCKER_IMAGE)) return loadImage(planning, name, source.slice(DOCKER_IMAGE.length), platform);
  const git = parseGitSource(source);
  if (git) {
    const { remote, ref, subdir, checksum, keepGitDir, submodules } = git;
    const skipSubmodules = submodules === false ? true : undefined;
    const operation = { type: "git", remote, ref, subdir, checksum, keepGitDir, skipSubmodules } as const;
    return { root: { operation, show: { name: `[context ${name}] load from ${remote}` } } };
  }
  if (/^https?:\/\//.test(source)) return { root: unpackedDownload(name, source) };
  throw unknownSource(name, source);
}

function unknownSource(name: string, source: string): NaruError {
  const scheme = /^([a-z-]+):/.exec(source)?.[1];
  const known = "a directory, docker-image://, oci-layout://, https:// and git addresses are known";
  return new NaruError("invalid", `unsupported context source ${scheme ?? goQuoted(source)} for ${name}: ${known}`);
}

async function localTree(planning: Planning, name: string, source: ContextSource, paths: Set<string>): Promise<Step> {
  const ignoreFile = await planning.services.readContextFile(source, ".dockerignore");
  const { patterns } = readIgnores(ignoreFile);
  return planning.contexts.ensure(source, `[context ${name}] load from client`, patterns, paths).step;
}

async function loadImage(
  planning: Planning,
  name: string,
  reference: string,
  platform: Platform,
): Promise<LoadedContext> {
  const { pull } = planning.request;
  const image = await planning.services.resolveImage(canonicalReference(parseReference(reference)), { platform, pull });
  return imageContext(name, reference, image);
}

function imageContext(name: string, title: string, image: ResolvedImage): LoadedContext {
  return { root: { operation: { type: "image", image }, show: { name: `[context ${name}] ${title}` } }, image };
}

/** An archive is unpacked, anything else is a file called "context". */
function unpackedDownload(name: string, url: string): Step {
  const operation = { type: "http", url, filename: "context" } as const;
  const download: Step = { operation, show: { name: `[context ${name}] load remote build context` } };
  const unpack = { action: "copy", from: download, sources: ["/context"], destination: "/", unpacks: true } as const;
  return {
    operation: { type: "file", root: undefined, actions: [unpack] },
    show: { name: `[context ${name}] unpack` },
  };
}
