/** What stages begin with: images, empty roots, named contexts, and the triggers that images and stages carry. */
import { NaruError } from "../../lib/errors.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import { canonicalReference, parseReference } from "../../lib/image-reference.ts";
import { platformText } from "../../lib/platform.ts";
import type { ImageConfig, Platform } from "../../model/image.ts";
import { DockerfileError, placed } from "../dockerfile/dockerfile-error.ts";
import { parseOnbuildTrigger } from "../dockerfile/instruction-parser.ts";
import { suggestion } from "../dockerfile/suggestion.ts";
import type { ResolvedImage } from "../solver/graph.ts";
import { findNamedContext, type LoadedContext, loadNamedContext } from "./named-contexts.ts";
import type { Planning } from "./planning.ts";
import type { StageGraph } from "./stage-graph.ts";
import { type Command, reachableFrom, type StageNode } from "./stage-node.ts";
import { numberedName } from "./step-name.ts";
import { isSamePlatform, normalPlatform } from "./target-platform.ts";

const SCRATCH = "scratch";
/** What a root without an image begins with. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const COMMON_IMAGES = "alpine busybox centos debian golang ubuntu fedora".split(" ");

/** Finds the bases of all stages that the target needs, again when triggers brought further ones. @throws {DockerfileError} */
export async function resolveBases(planning: Planning, graph: StageGraph, target: StageNode): Promise<Set<StageNode>> {
  for (const node of graph.nodes) checkBaseName(node);
  for (;;) {
    const reachable = planning.wantsAllStages ? new Set(graph.nodes) : reachableFrom(target);
    const waiting = graph.nodes.filter((node) => reachable.has(node) && !node.base && !node.isResolved);
    await Promise.all(waiting.map((node) => resolveBase(planning, graph, node)));
    let hasNew = false;
    for (const node of reachable) hasNew = addTriggers(graph, node) || hasNew;
    if (!hasNew) return reachable;
  }
}

/** Also of stages that are not needed: a name that can be none is a mistake. */
function checkBaseName(node: StageNode): void {
  if (node.base || node.namedContext || node.baseName === SCRATCH) return;
  try {
    imageName(node.baseName);
  } catch (error) {
    throw placed(error, node.stage.range, node.stage.base);
  }
}

async function resolveBase(planning: Planning, graph: StageGraph, node: StageNode): Promise<void> {
  node.isResolved = true;
  try {
    await setBase(planning, graph, node);
    if (!node.isOutside) return;
    node.isDispatched = true;
    nameBase(planning, node);
  } catch (error) {
    throw placed(error, node.stage.range, node.stage.base);
  }
}

async function setBase(planning: Planning, graph: StageGraph, node: StageNode): Promise<void> {
  const platform = node.platform ?? planning.platform;
  if (node.namedContext) {
    useContext(node, await loadNamedContext(planning, node.namedContext, platform, node.paths), platform);
    node.isDispatched = true;
    return;
  }
  if (node.baseName === SCRATCH) {
    node.platform = platform;
    node.image = emptyImage(platform);
    return;
  }
  const name = imageName(node.baseName);
  const context = findNamedContext(planning, node.baseName, platform);
  if (context) {
    useContext(node, await loadNamedContext(planning, context, platform, node.paths), platform);
    return;
  }
  const image = await resolveImage(planning, graph, node, name, platform);
  useImage(planning, node, image, platform);
}

function imageName(text: string): string {
  try {
    return canonicalReference(parseReference(text));
  } catch (error) {
    if (!(error instanceof NaruError)) throw error;
    throw new NaruError("invalid", `failed to parse stage name ${goQuoted(text)}: ${error.message}`, { cause: error });
  }
}

async function resolveImage(
  planning: Planning,
  graph: StageGraph,
  node: StageNode,
  name: string,
  platform: Platform,
): Promise<ResolvedImage> {
  const { request, services, showsPlatform } = planning;
  try {
    return await services.resolveImage(name, { platform, pull: request.pull, showsPlatform });
  } catch (error) {
    if (!(error instanceof NaruError)) throw error;
    const known = [...graph.names(), ...COMMON_IMAGES.flatMap((image) => [image, `${image}:latest`])];
    const cause = `${node.baseName}: failed to resolve source metadata for ${name}: ${error.message}`;
    const message = cause + suggestion(node.baseName, known);
    throw new DockerfileError(message, [node.stage.range], node.stage.base, { cause: error, kind: error.kind });
  }
}

function useImage(planning: Planning, node: StageNode, image: ResolvedImage, platform: Platform): void {
  const { isPlatformImplied } = planning;
  const own = normalPlatform(image.platform);
  node.platform = node.platform === undefined && isPlatformImplied && !isSamePlatform(own, platform) ? own : platform;
  takeConfig(node, image);
  if (!isSamePlatform(own, platform)) {
    const { range, comments, base } = node.stage;
    const wanted = platformText(normalPlatform(platform));
    planning.report.report("InvalidBaseImagePlatform", range, comments, base, wanted, platformText(own));
  }
  if (image.config.rootfs.diff_ids.length === 0) return;
  const show = { name: `FROM ${image.canonical}`, group: node.name || undefined, range: node.stage.range };
  node.root = { operation: { type: "image", image }, show };
}

/** Gives the step of the stage's image its number, when it is known how many steps triggers add. */
export function nameBase({ showsPlatform }: Planning, node: StageNode): void {
  const { root } = node;
  if (node.base || node.namedContext || root?.operation.type !== "image" || root.show.name.startsWith("[")) return;
  root.show.name = numberedName(node, root.show.name, showsPlatform, node.platform!);
}

function useContext(node: StageNode, { root, image, stage }: LoadedContext, platform: Platform): void {
  node.platform = platform;
  node.root = root;
  if (stage) node.takeResult(stage);
  else if (image) takeConfig(node, image);
  else node.image = emptyImage(platform);
}

function takeConfig(node: StageNode, image: ResolvedImage): void {
  const { architecture, os, variant, author, config } = image.config;
  node.baseImage = image;
  node.baseHistory = image.config.history ?? historyOf(image.config);
  node.image = {
    ...{ architecture, os, variant, "os.version": image.config["os.version"], author },
    config: structuredClone(config ?? {}),
  };
}

/** Images without a history have a line for each layer, so that later lines fit their layers. */
function historyOf({ rootfs }: ImageConfig): { created_by: string }[] {
  return rootfs.diff_ids.map(() => ({ created_by: "" }));
}

function emptyImage({ architecture, os, variant }: Platform) {
  return { architecture, os, variant, config: { Env: [`PATH=${DEFAULT_PATH}`], WorkingDir: "/" } };
}

/** Puts the base's triggers before the stage's own instructions. True when they read further stages or images. */
function addTriggers(graph: StageGraph, node: StageNode): boolean {
  if (node.hasTriggers || node.isOutside || node.namedContext) return false;
  node.hasTriggers = true;
  const triggers = node.base ? triggersOf(node.base) : (node.config.OnBuild ?? []);
  node.config.OnBuild = null;
  if (triggers.length === 0) return false;
  const commands = triggers.map((trigger, index) => triggerCommand(graph, node, trigger, index));
  node.commands = [...commands, ...node.commands];
  node.stepTotal += commands.length;
  graph.refuseCircles();
  return commands.some(({ sources }) => sources.some((source) => source !== undefined));
}

function triggersOf(base: StageNode): string[] {
  return base.commands.flatMap(({ instruction }) => (instruction.kind === "ONBUILD" ? [instruction.trigger] : []));
}

function triggerCommand(graph: StageGraph, node: StageNode, trigger: string, index: number): Command {
  const { range } = node.stage;
  try {
    const instruction = { ...parseOnbuildTrigger(trigger), range };
    return graph.command(node, instruction, `onbuild-${index}`, true);
  } catch (error) {
    if (!(error instanceof NaruError)) throw error;
    throw new DockerfileError(error.message, [range], node.stage.base, { cause: error });
  }
}
