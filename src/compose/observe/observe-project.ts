import { isKind } from "../../lib/errors.ts";
import type { ContainerSummary, HealthStatus } from "../../model/container.ts";
import type { ImageInspect } from "../../model/image.ts";
import type { Network } from "../../model/network.ts";
import type { Volume } from "../../model/volume.ts";
import type { ComposeEngine, ObservedContainer, ObservedProject } from "../contract.ts";
import { LABELS } from "../labels.ts";
import type { ProjectModel } from "../service-model.ts";

/** What to look for beside what has the project's labels. */
interface Wanted {
  /** Full names; external ones too. */
  networks: readonly string[];
  volumes: readonly string[];
  images: readonly string[];
}

/** All that is there of a project, asked in parallel. */
export async function observeProject(
  engine: ComposeEngine,
  name: string,
  wanted: Wanted,
  signal?: AbortSignal,
): Promise<ObservedProject> {
  const label = [`${LABELS.project}=${name}`];
  const [containers, networks, volumes, images] = await Promise.all([
    observeContainers(engine, name, signal),
    findNetworks(engine, label, wanted.networks, signal),
    findVolumes(engine, label, wanted.volumes, signal),
    inspectImages(engine, wanted.images, signal),
  ]);
  return { name, containers, networks, volumes, images };
}

/** The containers of a project, one-off ones too, by name. */
export async function observeContainers(
  engine: ComposeEngine,
  project: string,
  signal?: AbortSignal,
): Promise<ObservedContainer[]> {
  const filters = { label: [`${LABELS.project}=${project}`, LABELS.configHash] };
  const found = await engine.listContainers(filters, { all: true, signal });
  return found.map(observedContainer).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The names a project's own and external resources have. */
export function wantedOf(project: ProjectModel, images: readonly string[]): Wanted {
  const names = (resources: Record<string, { name: string }>) => Object.values(resources).map(({ name }) => name);
  return { networks: names(project.networks), volumes: names(project.volumes), images: [...new Set(images)] };
}

/** A container as the engine lists it, in Compose's terms. */
function observedContainer(summary: ContainerSummary): ObservedContainer {
  const { Labels: labels, Status: status } = summary;
  const ended = /^Exited \((\d+)\)/.exec(status)?.[1];
  return {
    id: summary.Id,
    name: canonicalName(summary.Names),
    service: labels[LABELS.service] ?? "",
    number: Number(labels[LABELS.number] ?? 0),
    isOneOff: labels[LABELS.oneOff] === "True",
    state: summary.State,
    health: healthOf(status),
    ...(ended !== undefined && { exitCode: Number(ended) }),
    image: summary.Image,
    imageId: summary.ImageID,
    created: summary.Created,
    labels,
    networks: summary.NetworkSettings?.Networks ?? {},
    mounts: summary.Mounts ?? [],
  };
}

/** A container's own name, without its slash; links give it others (`/web/db`). */
export function canonicalName(names: readonly string[]): string {
  const own = names.find((name) => name.lastIndexOf("/") === 0) ?? names[0] ?? "";
  return own.replace(/^\//, "");
}

function healthOf(status: string): HealthStatus {
  if (status.includes("(health: starting)")) return "starting";
  if (status.includes("(unhealthy)")) return "unhealthy";
  return status.includes("(healthy)") ? "healthy" : "none";
}

async function findNetworks(
  engine: ComposeEngine,
  label: string[],
  names: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, Network>> {
  // The filter by name matches parts of names too.
  const [own, named] = await Promise.all([
    engine.listNetworks({ label }, signal),
    names.length > 0 ? engine.listNetworks({ name: names }, signal) : [],
  ]);
  return new Map([...named.filter(({ Name }) => names.includes(Name)), ...own].map((each) => [each.Name, each]));
}

async function findVolumes(
  engine: ComposeEngine,
  label: string[],
  names: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, Volume>> {
  const [own, named] = await Promise.all([
    engine.listVolumes({ label }, signal),
    names.length > 0 ? engine.listVolumes({ name: names }, signal) : [],
  ]);
  return new Map([...named.filter(({ Name }) => names.includes(Name)), ...own].map((each) => [each.Name, each]));
}

/** Images by reference; undefined where one is not here. */
export async function inspectImages(
  engine: ComposeEngine,
  references: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, ImageInspect | undefined>> {
  const inspect = async (reference: string) => {
    try {
      return await engine.inspectImage(reference, signal);
    } catch (error) {
      if (isKind(error, "not-found")) return undefined;
      throw error;
    }
  };
  return new Map(await Promise.all(references.map(async (each) => [each, await inspect(each)] as const)));
}
