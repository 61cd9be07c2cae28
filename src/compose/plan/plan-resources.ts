import { NaruError } from "../../lib/errors.ts";
import type { ObservedProject, Step } from "../contract.ts";
import { LABELS } from "../labels.ts";
import { networkHash, volumeHash } from "../service-containers/resource-requests.ts";
import type { ProjectModel } from "../service-model.ts";

/** Networks or volumes of a project: steps, and which keys are made anew. */
interface ResourcePlan {
  steps: Step[];
  /** The step after which each key is there; none when it is there already. */
  stepOf: Map<string, string>;
  recreated: Set<string>;
  warnings: string[];
}

/** Networks that are missing or changed. Throws "not-found" for external ones that are not there. */
export function planNetworks(project: ProjectModel, observed: ObservedProject): ResourcePlan {
  const plan: ResourcePlan = { steps: [], stepOf: new Map(), recreated: new Set(), warnings: [] };
  const add = (key: string, step: Step) => {
    plan.steps.push(step);
    plan.stepOf.set(key, step.id);
  };
  for (const [key, model] of Object.entries(project.networks)) {
    const network = model.name;
    const id = `network ${network}`;
    const found = observed.networks.get(network);
    if (model.external) {
      if (!found && !["host", "none", "bridge"].includes(network))
        throw new NaruError("not-found", `network ${network} declared as external, but could not be found`);
      continue;
    }
    if (!found) {
      add(key, { id, action: { kind: "create-network", key, network }, needs: [], reason: "it is not there yet" });
      continue;
    }
    const owner = found.Labels?.[LABELS.project];
    if (owner !== project.name) {
      const cause =
        owner === undefined
          ? "was not created by compose"
          : `was not created for project ${JSON.stringify(project.name)}`;
      plan.warnings.push(
        `a network with name ${network} exists but ${cause}.\nSet \`external: true\` to use an existing network`,
      );
      continue;
    }
    const label = found.Labels[LABELS.network];
    if (label !== key)
      throw new NaruError(
        "conflict",
        `network ${network} was found but has incorrect label ${LABELS.network} set to ${JSON.stringify(label ?? "")} (expected: ${JSON.stringify(key)})`,
      );
    const hash = found.Labels[LABELS.configHash];
    if (!hash || hash === networkHash(model)) continue;
    plan.recreated.add(key);
    add(key, {
      id,
      action: { kind: "recreate-network", key, network, id: found.Id },
      needs: [],
      reason: "its configuration changed",
    });
  }
  return plan;
}

/** Volumes that are missing; those that changed only where their data may be lost (`mayRecreate`). Throws as networks. */
export function planVolumes(
  project: ProjectModel,
  observed: ObservedProject,
  mayRecreate: ReadonlySet<string>,
): ResourcePlan {
  const plan: ResourcePlan = { steps: [], stepOf: new Map(), recreated: new Set(), warnings: [] };
  for (const [key, model] of Object.entries(project.volumes)) {
    const volume = model.name;
    const found = observed.volumes.get(volume);
    if (model.external) {
      if (!found) throw new NaruError("not-found", `external volume ${JSON.stringify(volume)} not found`);
      continue;
    }
    const id = `volume ${volume}`;
    if (!found) {
      plan.steps.push({ id, action: { kind: "create-volume", key, volume }, needs: [], reason: "it is not there yet" });
      plan.stepOf.set(key, id);
      continue;
    }
    const owner = found.Labels?.[LABELS.project];
    if (owner !== project.name) {
      const cause =
        owner === undefined
          ? "was not created by Docker Compose"
          : `was created for project ${JSON.stringify(owner)} (expected ${JSON.stringify(project.name)})`;
      plan.warnings.push(
        `volume ${JSON.stringify(volume)} already exists but ${cause}. Use \`external: true\` to use an existing volume`,
      );
    } else if (isChanged(project, observed, key) && mayRecreate.has(volume)) {
      const usedBy = observed.containers.filter(({ mounts }) => mounts.some(({ Name }) => Name === volume));
      const action = { kind: "recreate-volume", key, volume, usedBy } as const;
      plan.steps.push({ id, action, needs: [], reason: "its configuration changed" });
      plan.stepOf.set(key, id);
      plan.recreated.add(key);
    }
  }
  return plan;
}

/** The full names of volumes that are not as the project says any more: making them anew loses their data. */
export function changedVolumes(project: ProjectModel, observed: ObservedProject): string[] {
  return Object.keys(project.volumes)
    .filter((key) => isChanged(project, observed, key))
    .map((key) => project.volumes[key]!.name);
}

function isChanged(project: ProjectModel, observed: ObservedProject, key: string): boolean {
  const model = project.volumes[key]!;
  const labels = observed.volumes.get(model.name)?.Labels;
  const hash = labels?.[LABELS.configHash];
  if (model.external || !hash || labels?.[LABELS.project] !== project.name) return false;
  return hash !== volumeHash(model);
}
