import type { ObservedContainer, Plan, Step } from "../contract.ts";
import { LABELS } from "../labels.ts";
import type { ProjectModel, ServiceModel } from "../service-model.ts";
import { inDependencyOrder } from "./service-order.ts";

/** What services depend on: as the files say, else as the labels of their containers. */
export function dependenciesOf(
  container: ObservedContainer,
  project: ProjectModel | undefined,
): { service: string; condition: string; restart: boolean }[] {
  const inFiles = project?.services[container.service]?.depends_on;
  if (inFiles)
    return Object.entries(inFiles).map(([service, { condition, restart }]) => ({
      service,
      condition,
      restart: restart ?? false,
    }));
  const label = container.labels[LABELS.dependsOn] ?? "";
  return label.split(",").flatMap((word) => {
    const [service = "", condition = "service_started", restart] = word.split(":");
    return service === "" ? [] : [{ service, condition, restart: restart === "true" }];
  });
}

/** The services that each container's service needs, also those that its dependencies need; known from files or from `all`. */
export function neededBy(
  all: readonly ObservedContainer[],
  project: ProjectModel | undefined,
): (container: ObservedContainer) => ReadonlySet<string> {
  const direct = new Map<string, string[]>();
  for (const [service, { depends_on }] of Object.entries(project?.services ?? {}))
    direct.set(service, Object.keys(depends_on ?? {}));
  for (const container of all)
    if (!direct.has(container.service))
      direct.set(
        container.service,
        dependenciesOf(container, project).map(({ service }) => service),
      );
  const closed = new Map<string, Set<string>>();
  return ({ service }) => {
    let needed = closed.get(service);
    if (needed) return needed;
    needed = new Set(direct.get(service));
    for (const each of needed) for (const next of direct.get(each) ?? []) needed.add(next);
    closed.set(service, needed);
    return needed;
  };
}

/** The containers that stop, each after those that depend on it. `all` are those that tell who depends on whom. */
export function planStop(
  name: string,
  containers: readonly ObservedContainer[],
  project: ProjectModel | undefined,
  all: readonly ObservedContainer[] = containers,
): Plan {
  const needs = neededBy(all, project);
  const steps = containers.map((container): Step => {
    const dependents = containers.filter((other) => other !== container && needs(other).has(container.service));
    return {
      id: `stop ${container.name}`,
      action: { kind: "stop-container", service: container.service, container: container.name, id: container.id },
      needs: dependents.map((each) => `stop ${each.name}`),
      reason: "wished",
    };
  });
  return { project: name, steps, warnings: [] };
}

/** The containers that start, each once what it depends on is as it wishes. */
export function planStart(
  name: string,
  containers: readonly ObservedContainer[],
  project: ProjectModel | undefined,
): Plan {
  const steps: Step[] = [];
  for (const service of servicesInOrder(containers, project)) {
    for (const container of containers.filter((each) => each.service === service)) {
      if (container.state === "running") continue;
      const needs = dependenciesOf(container, project).flatMap(({ service: dependency, condition }) => {
        const started = containers.filter((each) => each.service === dependency);
        if (started.length === 0) return [];
        const starts = started.map((each) => `start ${each.name}`);
        if (condition === "service_started") return starts;
        const id = `wait ${dependency} ${condition}`;
        if (!steps.some((step) => step.id === id)) {
          const action = {
            kind: "wait",
            service: dependency,
            condition,
            isRequired: true,
            dependent: service,
          } as Step["action"];
          steps.push({ id, action, needs: starts, reason: `${service} depends on it` });
        }
        return [id];
      });
      const action = { kind: "start-container", service, container: container.name, id: container.id } as const;
      steps.push({ id: `start ${container.name}`, action, needs, reason: "wished" });
    }
  }
  return { project: name, steps, warnings: [] };
}

/** The services of containers so that each comes after those that it depends on. */
export function servicesInOrder(containers: readonly ObservedContainer[], project: ProjectModel | undefined): string[] {
  const known: Record<string, ServiceModel> = {};
  for (const container of containers) {
    const dependencies = dependenciesOf(container, project).map(({ service }) => [
      service,
      { condition: "service_started" as const, required: true },
    ]);
    known[container.service] = { command: null, entrypoint: null, depends_on: Object.fromEntries(dependencies) };
  }
  return inDependencyOrder(known);
}
