/** Plans that touch one service alone. */
import type { ComposeEngine, ObservedProject, Plan } from "../contract.ts";
import { observeProject, wantedOf } from "../observe/observe-project.ts";
import { planUp } from "../plan/plan-up.ts";
import { runPlan } from "../run/run-plan.ts";
import { imageOf } from "../service-containers/container-name.ts";
import type { ProjectModel } from "../service-model.ts";

interface Surroundings {
  engine: ComposeEngine;
  warn: (text: string) => void;
  signal: AbortSignal;
}

/** Makes or removes containers of a service until it has `count`. What is there stays as it is. */
export async function scaleService(
  { engine, warn, signal }: Surroundings,
  project: ProjectModel,
  service: string,
  count: number,
): Promise<void> {
  const alone = withOnly(project, service);
  const observed = await observe(engine, alone, service, signal);
  const plan = planUp(alone, observed, {
    services: [service],
    recreate: "never",
    recreateDependencies: "never",
    starts: true,
    orphans: "ignore",
    scale: { [service]: count },
    separator: "-",
    lostVolumes: new Set(),
  });
  await run({ engine, warn, signal }, alone, observed, plan);
}

/** Starts a container that is there, with its files and hooks. */
export async function startService(
  { engine, warn, signal }: Surroundings,
  project: ProjectModel,
  service: string,
  container: { id: string; name: string },
): Promise<void> {
  const alone = withOnly(project, service);
  const observed = await observe(engine, alone, service, signal);
  const action = { kind: "start-container", service, container: container.name, id: container.id } as const;
  const step = { id: `start ${container.name}`, action, needs: [], reason: "its time has come" };
  await run({ engine, warn, signal }, alone, observed, { project: project.name, steps: [step], warnings: [] });
}

function withOnly(project: ProjectModel, service: string): ProjectModel {
  const model = project.services[service]!;
  const networks = Object.entries(project.networks).filter(([key]) => Object.hasOwn(model.networks ?? {}, key));
  const volumes = Object.entries(project.volumes).filter(([key]) =>
    model.volumes?.some(({ source }) => source === key),
  );
  return {
    ...project,
    services: { [service]: model },
    networks: Object.fromEntries(networks),
    volumes: Object.fromEntries(volumes),
    disabled: [...project.disabled, ...Object.keys(project.services).filter((name) => name !== service)],
  };
}

async function observe(engine: ComposeEngine, project: ProjectModel, service: string, signal: AbortSignal) {
  const image = imageOf(project.name, service, project.services[service]!.image, "-");
  return await observeProject(engine, project.name, wantedOf(project, [image]), signal);
}

async function run(
  { engine, warn, signal }: Surroundings,
  project: ProjectModel,
  observed: ObservedProject,
  plan: Plan,
) {
  await runPlan(engine, project, observed, plan, { separator: "-", onProgress: () => {}, warn, parallel: 0, signal });
}
