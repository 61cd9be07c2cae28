import type { ImageInspect } from "../../model/image.ts";
import type { ObservedContainer, ObservedProject } from "../contract.ts";
import { LABELS } from "../labels.ts";
import type { ProjectModel, ServiceModel } from "../service-model.ts";

/** Only the hash tells; `up --dry-run` looks closer. */
export const CONFIGURATION_CHANGED = "its configuration changed";

/** When containers that are there are made anew. */
export type RecreatePolicy = "diverged" | "force" | "never";

/** What a service's containers should be now. */
interface Wished {
  service: ServiceModel;
  hash: string;
  image: ImageInspect | undefined;
}

/** Why a container has to be made anew, in words for people; undefined when it may stay. */
export function recreateReason(
  project: ProjectModel,
  observed: ObservedProject,
  wished: Wished,
  container: ObservedContainer,
  policy: RecreatePolicy,
): string | undefined {
  if (policy === "never") return undefined;
  if (policy === "force") return "wished (--force-recreate)";
  const { service, hash, image } = wished;
  if (container.labels[LABELS.configHash] !== hash) return CONFIGURATION_CHANGED;
  const imageBefore = container.labels[LABELS.image];
  if (image && imageBefore !== image.Id) return `its image changed (${short(imageBefore)} to ${short(image.Id)})`;
  return missingNetwork(project, observed, service, container) ?? missingVolume(project, service, container);
}

const short = (id: string | undefined) => (id ?? "unknown").replace(/^sha256:/, "").slice(0, 12);

/** Ids of networks are only known of containers that run. */
function missingNetwork(
  project: ProjectModel,
  observed: ObservedProject,
  service: ServiceModel,
  { state, networks }: ObservedContainer,
): string | undefined {
  if (state !== "running") return undefined;
  const joined = new Set(Object.values(networks).map(({ NetworkID }) => NetworkID));
  for (const key of Object.keys(service.networks ?? {})) {
    const name = project.networks[key]?.name ?? key;
    const network = observed.networks.get(name);
    if (network && !joined.has(network.Id)) return `it is not on the network ${name}`;
  }
  return undefined;
}

function missingVolume(project: ProjectModel, service: ServiceModel, container: ObservedContainer): string | undefined {
  for (const { type, source } of service.volumes ?? []) {
    if (type !== "volume" || !source) continue;
    const name = project.volumes[source]?.name ?? source;
    if (!container.mounts.some((mount) => mount.Type === "volume" && mount.Name === name))
      return `it does not have the volume ${name}`;
  }
  return undefined;
}

/** A replacement that was cut off keeps a name for the time between. */
export function leftOverReason({ name }: ObservedContainer, wishedName: string): string | undefined {
  const isLeftOver = /^[0-9a-f]{12}_/.test(name) && name.slice(13) === wishedName;
  return isLeftOver ? "it is left over from an update that was cut off" : undefined;
}
