import type { ObservedContainer, ObservedProject, Step } from "../contract.ts";
import type { ProjectModel } from "../service-model.ts";

/** Containers of the project whose service the files do not name any more, and ended ones that `run` left. */
export function orphansOf(project: ProjectModel, containers: readonly ObservedContainer[]): ObservedContainer[] {
  const known = new Set([...Object.keys(project.services), ...project.disabled]);
  return containers.filter(({ isOneOff, state, service }) =>
    isOneOff ? state === "exited" || state === "dead" : !known.has(service),
  );
}

/** What is done with orphans, or said about them. */
export function planOrphans(
  project: ProjectModel,
  observed: ObservedProject,
  wish: "warn" | "remove" | "ignore",
): { steps: Step[]; warnings: string[] } {
  const orphans = orphansOf(project, observed.containers);
  if (wish === "ignore" || orphans.length === 0) return { steps: [], warnings: [] };
  if (wish === "remove") {
    const steps = orphans.map(({ id, name, service, state }): Step => {
      const isRunning = state !== "exited" && state !== "created" && state !== "dead";
      return {
        id: `remove ${name}`,
        action: { kind: "remove-container", service, container: name, id, isRunning },
        needs: [],
        reason: "its service is not in the Compose files any more",
      };
    });
    return { steps, warnings: [] };
  }
  const names = orphans.map(({ name }) => name).join(", ");
  const warning = `Found orphan containers ([${names}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`;
  return { steps: [], warnings: [warning] };
}
