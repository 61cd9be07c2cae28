import { isTree, type Tree } from "../../compose/document.ts";
import type { ComposeProject } from "../../compose/load-project.ts";
import { parseDuration } from "../../lib/go-duration.ts";
import type { ImageInspect } from "../../model/image.ts";
import { CliError } from "../cli-error.ts";
import { buildServices } from "./build/build-services.ts";
import { imageOfService, type ServiceToBuild, servicesToBuild } from "./build/service-build.ts";
import type { ComposeContext } from "./declaration.ts";
import type { HttpEngine } from "./http-engine.ts";
import { parallelLimit } from "./parallel-limit.ts";
import { openProgressDisplay } from "./progress-display.ts";
import { servicesOf } from "./project-services.ts";
import { pullImages, type WantedImage } from "./pull-images.ts";

export interface ImageWishes {
  /** Builds what has a build section, also where its image is here. */
  build?: boolean;
  /** Builds nothing. */
  noBuild?: boolean;
  /** Instead of the services' own: "always", "missing", "never", "build"; empty for their own. */
  pull?: string;
  quietPull?: boolean;
  quietBuild?: boolean;
  signal?: AbortSignal;
}

/** Images by reference, as they were found; undefined for one that is not here. */
type FoundImages = ReadonlyMap<string, ImageInspect | undefined>;

/**
 * Pulls and builds the images of the project's services, where they are not here or where their policy asks for it. What has both
 * `image` and `build` is pulled first, and built where that fails. Resolves to the references that were pulled or built.
 * Throws CliError.
 */
export async function ensureImages(
  context: ComposeContext,
  engine: HttpEngine,
  project: ComposeProject,
  images: FoundImages,
  wishes: ImageWishes,
): Promise<Set<string>> {
  const services = servicesOf(project);
  const changed = new Set<string>();
  const toPull = Object.entries(services)
    .filter(([, service]) => mustPull(service, images, wishes))
    .map(([name, service]) => wantedImage(name, service));
  const failed = new Set(await pullAll(context, engine, toPull, wishes));
  for (const { service, image } of toPull) if (!failed.has(service)) changed.add(image);
  if (wishes.noBuild) {
    refuseUnbuilt(project, images, changed);
    return changed;
  }
  const toBuild = buildsOf(project, images, changed, wishes);
  await buildServices(context, project, toBuild, { quiet: wishes.quietBuild, signal: wishes.signal });
  for (const { image } of toBuild.values()) changed.add(image);
  return changed;
}

function policyOf(service: Tree, { pull, build }: ImageWishes): string {
  if (build && isTree(service.build)) return "build";
  if (pull) return pull === "policy" ? "" : pull;
  return typeof service.pull_policy === "string" ? service.pull_policy : "";
}

const DAY_NS = 24 * 3600 * 1e9;

/** Nanoseconds after which a policy wants the image anew; undefined for other policies. */
function refreshAfter(policy: string): number | undefined {
  if (policy === "daily") return DAY_NS;
  if (policy === "weekly") return 7 * DAY_NS;
  if (!policy.startsWith("every_")) return undefined;
  const text = policy.slice("every_".length);
  // Days and weeks too, which Go's durations do not have.
  const long = /^(?:(\d+)w)?(?:(\d+)d)?(.*)$/.exec(text)!;
  const days = Number(long[1] ?? 0) * 7 + Number(long[2] ?? 0);
  try {
    return days * DAY_NS + (long[3] === "" ? 0 : parseDuration(long[3]!));
  } catch {
    throw new CliError(`invalid pull_policy ${JSON.stringify(policy)}: write it as every_12h or every_2d`);
  }
}

function mustPull(service: Tree, images: FoundImages, wishes: ImageWishes): boolean {
  const { image, provider } = service;
  if (provider !== undefined || typeof image !== "string" || image === "") return false;
  const policy = policyOf(service, wishes);
  if (policy === "always") return true;
  if (policy === "never" || policy === "build") return false;
  const found = images.get(image);
  if (!found) return true;
  const refresh = refreshAfter(policy);
  const taggedMs = Date.parse(found.Metadata?.LastTagTime ?? "") || 0;
  return refresh !== undefined && Date.now() > taggedMs + refresh / 1e6;
}

function wantedImage(name: string, service: Tree): WantedImage {
  const platform =
    typeof service.platform === "string" ? service.platform : (process.env.DOCKER_DEFAULT_PLATFORM ?? "");
  return { service: name, image: String(service.image), platform, isOptional: isTree(service.build) };
}

async function pullAll(
  context: ComposeContext,
  engine: HttpEngine,
  wanted: readonly WantedImage[],
  { quietPull, signal }: ImageWishes,
): Promise<string[]> {
  if (wanted.length === 0) return [];
  const display = openProgressDisplay(context, "Pulling", quietPull);
  try {
    return await pullImages(engine, wanted, { onProgress: display.take, limit: parallelLimit(context), signal });
  } finally {
    display.finish();
  }
}

function buildsOf(
  project: ComposeProject,
  images: FoundImages,
  changed: ReadonlySet<string>,
  wishes: ImageWishes,
): Map<string, ServiceToBuild> {
  const services = servicesOf(project);
  const names = Object.keys(services).filter((name) => {
    const service = services[name]!;
    if (!isTree(service.build)) return false;
    const image = imageOfService(project, name);
    return policyOf(service, wishes) === "build" || (!images.get(image) && !changed.has(image));
  });
  return names.length === 0 ? new Map() : servicesToBuild(project, names, false);
}

/** With --no-build what could only be built must be here. */
function refuseUnbuilt(project: ComposeProject, images: FoundImages, changed: ReadonlySet<string>): void {
  for (const [name, service] of Object.entries(servicesOf(project))) {
    const image = imageOfService(project, name);
    if (!isTree(service.build) || images.get(image) || changed.has(image)) continue;
    throw new CliError(`service ${JSON.stringify(name)}: its image ${image} is not here: leave --no-build out`);
  }
}
