import type { ProgressEvent } from "../../compose/contract.ts";
import type { Tree } from "../../compose/document.ts";
import type { ComposeProject } from "../../compose/load-project.ts";
import { inspectImages } from "../../compose/observe/observe-project.ts";
import { imageOf, type Separator } from "../../compose/service-containers/container-name.ts";
import type { ProjectModel, ServiceModel } from "../../compose/service-model.ts";
import { errorText } from "../../lib/errors.ts";
import { parseDuration } from "../../lib/go-duration.ts";
import type { ImageInspect } from "../../model/image.ts";
import { CliError } from "../cli-error.ts";
import type { ComposeContext } from "./declaration.ts";
import type { HttpEngine } from "./http-engine.ts";
import { parallelLimit } from "./parallel-limit.ts";
import { openProgressDisplay } from "./progress-display.ts";

/** Where the images of services are to come from. */
export interface ImageWishes {
  /** Builds all that can be built. */
  build: boolean;
  /** Builds nothing. */
  noBuild: boolean;
  /** "policy" leaves it to the services; else "always", "missing", "never" or "build". */
  pull: string;
  quietPull: boolean;
  quietBuild: boolean;
}
/** What has to be done for the image of a service before its containers can be made. */
export interface ImageTask {
  service: string;
  image: string;
  what: "pull" | "build";
  reason: string;
  /** Built when it cannot be pulled. */
  mayBeBuilt: boolean;
}
export type Images = ReadonlyMap<string, ImageInspect | undefined>;

const DAY_MS = 24 * 3600 * 1000;

/** The images that must be pulled or built. Throws CliError where one is missing and may not be made. */
export function imageTasks(
  project: ProjectModel,
  images: Images,
  wishes: ImageWishes,
  { now, separator = "-" }: { now: number; separator?: Separator },
): ImageTask[] {
  const built = new Set(
    Object.entries(project.services).flatMap(([name, each]) =>
      each.build && !wishes.noBuild ? [imageOf(project.name, name, each.image, separator)] : [],
    ),
  );
  return Object.entries(project.services).flatMap(([service, model]): ImageTask[] => {
    if (model.provider) return [];
    const image = imageOf(project.name, service, model.image, separator);
    const found = images.get(image);
    const policy = wishes.pull === "policy" ? policyOf(model, project.trees[service]) : wishes.pull;
    const mayBeBuilt = model.build !== undefined && !wishes.noBuild;
    const task = (what: "pull" | "build", reason: string) => [{ service, image, what, reason, mayBeBuilt }];
    if (mayBeBuilt && wishes.build) return task("build", "wished (--build)");
    if (mayBeBuilt && policy === "build") return task("build", "its pull policy is to build");
    if (!model.image) return found ? [] : buildMissing(service, image, mayBeBuilt, task);
    if (policy === "always") return task("pull", "it is pulled always");
    if (isStale(policy, found, now)) return task("pull", `its pull policy is ${policy}`);
    if (found || policy === "never") return [];
    // Another service builds it.
    if (built.has(image) && !model.build) return [];
    return task("pull", "it is not here");
  });
}

function buildMissing(
  service: string,
  image: string,
  mayBeBuilt: boolean,
  task: (what: "build", reason: string) => ImageTask[],
): ImageTask[] {
  if (mayBeBuilt) return task("build", "it is not here");
  throw new CliError(
    `service ${JSON.stringify(service)} has no image: ${image} is not here, and --no-build forbids to build it`,
  );
}

/** `refresh` stands for `every_…` with the time that `pull_refresh_after` names (docker compose passes over it). */
function policyOf({ pull_policy: policy = "missing" }: ServiceModel, tree: Tree | undefined): string {
  const after = tree?.pull_refresh_after;
  return policy === "refresh" && typeof after === "string" ? `every_${after}` : policy;
}

/** True for an image whose time between pulls (`daily`, `weekly`, `every_12h`) is over. */
function isStale(policy: string, found: ImageInspect | undefined, now: number): boolean {
  const every = policy === "daily" ? DAY_MS : policy === "weekly" ? 7 * DAY_MS : everyMs(policy);
  if (every === undefined || !found) return false;
  return now - Date.parse(found.Metadata.LastTagTime) > every;
}

function everyMs(policy: string): number | undefined {
  if (!policy.startsWith("every_")) return undefined;
  const text = policy.slice("every_".length);
  const days = /^(?:(\d+)w)?(?:(\d+)d)?(.*)$/.exec(text)!;
  const rest = days[3] === "" ? 0 : parseDuration(days[3]!) / 1e6;
  return (Number(days[1] ?? 0) * 7 + Number(days[2] ?? 0)) * DAY_MS + rest;
}

/** Pulls and builds. Resolves to the images as they are then. */
export async function getImages(
  context: ComposeContext,
  engine: HttpEngine,
  { loaded, model }: { loaded: ComposeProject; model: ProjectModel },
  tasks: readonly ImageTask[],
  wishes: ImageWishes,
  signal: AbortSignal,
): Promise<Images> {
  const pulls = tasks.filter(({ what }) => what === "pull");
  const failed = pulls.length > 0 ? await pull(context, engine, model, pulls, wishes, signal) : [];
  const builds = tasks.filter(({ what, service }) => what === "build" || failed.includes(service));
  if (builds.length > 0) {
    const names = builds.map(({ service }) => service);
    const [{ buildServices }, { servicesToBuild }] = await Promise.all([
      import("./build/build-services.ts"),
      import("./build/service-build.ts"),
    ]);
    await buildServices(context, loaded, servicesToBuild(loaded, names, false, context.separator), {
      quiet: wishes.quietBuild,
      signal,
    });
  }
  return await inspectImages(engine, [...new Set(tasks.map(({ image }) => image))], signal);
}

async function pull(
  context: ComposeContext,
  engine: HttpEngine,
  model: ProjectModel,
  tasks: readonly ImageTask[],
  wishes: ImageWishes,
  signal: AbortSignal,
): Promise<string[]> {
  const { pullImages } = await import("./pull-images.ts");
  const display = openProgressDisplay(context, "Pulling", wishes.quietPull);
  const platformOf = ({ platform }: ServiceModel) => platform ?? process.env.DOCKER_DEFAULT_PLATFORM ?? "";
  const wanted = tasks.map(({ service, image, mayBeBuilt }) => ({
    service,
    image,
    platform: platformOf(model.services[service]!),
    isOptional: mayBeBuilt,
  }));
  let failed: string | undefined;
  const onProgress = (event: ProgressEvent) => {
    if (event.state === "error" && event.parent === undefined) failed ??= event.id;
    display.take(event);
  };
  try {
    return await pullImages(engine, wanted, { onProgress, limit: parallelLimit(context), signal });
  } catch (error) {
    const task = tasks.find(({ service }) => service === failed);
    if (signal.aborted || !task) throw error;
    throw new CliError(
      `service ${JSON.stringify(task.service)}: cannot get its image ${task.image}: ${errorText(error)}`,
    );
  } finally {
    display.finish();
  }
}
