import type { ObservedContainer, ObservedProject, Plan, Step } from "../contract.ts";
import { LABELS } from "../labels.ts";
import { imageOf, type Separator } from "../service-containers/container-name.ts";
import type { ProjectModel } from "../service-model.ts";
import { neededBy } from "./plan-stop.ts";

interface DownWishes {
  /** Only these services' containers; none means all, and networks too. */
  services: readonly string[];
  removesOrphans: boolean;
  /** Named volumes of the project too. */
  volumes: boolean;
  images: "none" | "local" | "all";
  separator: Separator;
}

/** What takes a project down. Without files (`project` undefined) everything goes that has its labels. */
export function planDown(
  name: string,
  project: ProjectModel | undefined,
  observed: ObservedProject,
  wishes: DownWishes,
): Plan {
  const chosen = observed.containers.filter((container) => isChosen(container, project, wishes));
  const steps = removalSteps(chosen, project);
  const containers = steps.map(({ id }) => id);
  const warnings: string[] = [];
  if (wishes.services.length === 0) {
    const used = project && new Set(Object.values(project.networks).map((network) => network.name));
    for (const { Name: network, Id: id, Labels } of observed.networks.values()) {
      if (Labels?.[LABELS.project] !== name || (used && !used.has(network) && !wishes.removesOrphans)) continue;
      const reason = "the project goes";
      steps.push({
        id: `network ${network}`,
        action: { kind: "remove-network", network, id },
        needs: containers,
        reason,
      });
    }
  }
  if (wishes.volumes && wishes.services.length === 0) {
    for (const volume of new Set([...volumesOf(name, project, observed), ...inheritedVolumes(chosen)]))
      steps.push({
        id: `volume ${volume}`,
        action: { kind: "remove-volume", volume },
        needs: containers,
        reason: "wished (--volumes)",
      });
  }
  for (const image of imagesOf(name, project, chosen, wishes))
    steps.push({
      id: `image ${image}`,
      action: { kind: "remove-image", image },
      needs: containers,
      reason: `wished (--rmi ${wishes.images})`,
    });
  if (steps.length === 0) warnings.push(`No resource found to remove for project ${JSON.stringify(name)}.`);
  return { project: name, steps, warnings };
}

function isChosen(container: ObservedContainer, project: ProjectModel | undefined, wishes: DownWishes): boolean {
  const { service, isOneOff } = container;
  if (wishes.services.length > 0) return wishes.services.includes(service) && !isOneOff;
  if (wishes.removesOrphans || !project) return wishes.removesOrphans || !isOneOff;
  return !isOneOff && (Object.hasOwn(project.services, service) || project.disabled.includes(service));
}

/** Each service's containers go after those of the services that depend on it, as the labels or the files say. */
function removalSteps(chosen: readonly ObservedContainer[], project: ProjectModel | undefined): Step[] {
  const idOf = (container: ObservedContainer) => `remove ${container.name}`;
  const needs = neededBy(chosen, project);
  return chosen.map((container): Step => {
    const dependents = chosen.filter((other) => other !== container && needs(other).has(container.service));
    const { service, name, id, state } = container;
    const isRunning = state !== "exited" && state !== "created" && state !== "dead";
    return {
      id: idOf(container),
      action: { kind: "remove-container", service, container: name, id, isRunning },
      needs: dependents.map(idOf),
      reason: "the project goes",
    };
  });
}

/** Volumes without a name that a replacement took over: the engine takes them for named ones by then. */
function inheritedVolumes(chosen: readonly ObservedContainer[]): string[] {
  const replaced = chosen.filter(({ labels }) => labels[LABELS.replace] !== undefined);
  const names = replaced.flatMap(({ mounts }) => mounts.map(({ Name }) => Name ?? ""));
  return names.filter((name) => /^[0-9a-f]{64}$/.test(name));
}

function volumesOf(name: string, project: ProjectModel | undefined, observed: ObservedProject): string[] {
  if (project) {
    const own = Object.values(project.volumes).filter((volume) => !volume.external);
    return own.map((volume) => volume.name).filter((volume) => observed.volumes.has(volume));
  }
  return [...observed.volumes.values()]
    .filter(({ Labels }) => Labels?.[LABELS.project] === name)
    .map(({ Name }) => Name);
}

function imagesOf(
  name: string,
  project: ProjectModel | undefined,
  chosen: readonly ObservedContainer[],
  { images, services, separator }: DownWishes,
): string[] {
  if (images === "none") return [];
  if (!project) return [...new Set(chosen.map(({ image }) => image))];
  const wished = Object.entries(project.services).filter(
    ([service]) => services.length === 0 || services.includes(service),
  );
  const found = wished
    .filter(([, { image }]) => images === "all" || !image)
    .map(([service, { image }]) => imageOf(name, service, image, separator));
  return [...new Set(found)];
}
