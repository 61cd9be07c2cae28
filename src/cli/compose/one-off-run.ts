import { randomBytes } from "node:crypto";
import type { ObservedProject, Plan } from "../../compose/contract.ts";
import { LABELS } from "../../compose/labels.ts";
import type { ComposeProject } from "../../compose/load-project.ts";
import { observeProject, wantedOf } from "../../compose/observe/observe-project.ts";
import { planUp } from "../../compose/plan/plan-up.ts";
import { runPlan } from "../../compose/run/run-plan.ts";
import { tarArchive } from "../../compose/run/tar-archive.ts";
import { imageOf } from "../../compose/service-containers/container-name.ts";
import { containerOrder } from "../../compose/service-containers/create-request.ts";
import { type ProjectModel, projectModel } from "../../compose/service-model.ts";
import type { ContainerCreateRequest } from "../../model/container.ts";
import { CliError } from "../cli-error.ts";
import { environmentOf } from "../container-options/environment.ts";
import { proxiesOf, warn } from "./bring-up.ts";
import type { ComposeContext } from "./declaration.ts";
import { supplyServices } from "./from-outside/supply-services.ts";
import { HttpEngine } from "./http-engine.ts";
import { withOneOffService } from "./one-off-service.ts";
import { parallelLimit } from "./parallel-limit.ts";
import { commandText, tellPlan } from "./print-plan.ts";
import { openProgressDisplay } from "./progress-display.ts";
import type { RunFlags } from "./run-command.ts";
import { getImages, imageTasks } from "./service-images.ts";

const NAME_DIGITS = 12;

/** What is to run in the container. */
interface RunWishes {
  words: string[];
  /** `--entrypoint` was given, be it empty. */
  hasEntrypoint: boolean;
  tty: boolean;
}
interface LoadedRun {
  loaded: ComposeProject;
  model: ProjectModel;
  /** Services that the run needs and that a program provides. */
  provided: readonly string[];
}

/** A container that `run` makes of a service. */
export class OneOffRun {
  /** Tells this run from all others, as docker compose's slug does. */
  private readonly slug = randomBytes(32).toString("hex");

  constructor(
    private readonly context: ComposeContext,
    private readonly service: string,
    private readonly values: RunFlags,
  ) {}

  /** Prints what would be done, and does nothing of it. */
  async tell(wishes: RunWishes): Promise<void> {
    const { context, service } = this;
    const { model, provided } = await this.load(wishes);
    const engine = new HttpEngine(await context.client(), context);
    const { observed, tasks } = await this.observe(engine, model);
    const plan = this.dependenciesPlan(model, observed);
    const container = this.containerName(model.name);
    const action = { kind: "create-container", service, number: 0, container } as const;
    const needs = plan.steps.map(({ id }) => id);
    plan.steps.push({ id: `container ${container}`, action, needs, reason: "for this run" });
    tellPlan(context, plan, tasks, provided);
    const { command } = model.services[service]!;
    context.print(`Would run ${commandText(command ?? []) || "what its image says"} in ${container}\n`);
  }

  private async load({ words, hasEntrypoint, tty }: RunWishes, signal?: AbortSignal): Promise<LoadedRun> {
    const { context, service, values } = this;
    const noDependencies = values["no-deps"];
    const { project: read, provided } = await supplyServices(
      context,
      await context.loadProject({ services: [service] }),
      { providers: noDependencies ? [service] : [], signal },
    );
    if (provided.includes(service))
      throw new CliError(
        `service ${JSON.stringify(service)} has a provider in the place of containers: nothing runs in it`,
      );
    const loaded = withOneOffService(read, service, this.oneOff(read.name, words, hasEntrypoint, tty), noDependencies);
    return { loaded, model: projectModel(loaded), provided };
  }

  /** Brings up what the service depends on and makes the container. Resolves to its id. */
  async prepare(wishes: RunWishes, signal: AbortSignal): Promise<string> {
    const { context, service, values } = this;
    const { loaded, model } = await this.load(wishes, signal);
    const engine = new HttpEngine(await context.client(), context);
    const observed = await this.observeWithImages(engine, { loaded, model }, signal);
    const live = await this.startDependencies(engine, model, observed, signal);
    const { separator } = context;
    const order = await containerOrder(model, {
      service,
      number: 0,
      separator,
      containersOf: (each) => live.of(each),
      imageId: observed.images.get(imageOf(model.name, service, model.services[service]!.image, separator))?.Id,
      labels: { [LABELS.slug]: this.slug },
      useAliases: values["use-aliases"],
      isOneOff: true,
      proxies: await proxiesOf(context, (await context.client()).host),
    });
    for (const warning of order.warnings) warn(context, warning);
    signal.throwIfAborted();
    const { Id } = await engine.createContainer(order.name, this.attached(order.request), order.platform);
    if (order.files.length === 0) return Id;
    try {
      await engine.putArchive(Id, "/", tarArchive(order.files, Math.floor(Date.now() / 1000)));
    } catch (error) {
      await engine.removeContainer(Id, { force: true, volumes: true }).catch(() => {});
      throw error;
    }
    return Id;
  }

  /** What is there of the project, once the images that it needs are. */
  private async observeWithImages(
    engine: HttpEngine,
    { loaded, model }: Pick<LoadedRun, "loaded" | "model">,
    signal: AbortSignal,
  ): Promise<ObservedProject> {
    const { observed, tasks, wishes } = await this.observe(engine, model, signal);
    if (tasks.length === 0) return observed;
    const fresh = await getImages(this.context, engine, { loaded, model }, tasks, wishes, signal);
    return { ...observed, images: new Map([...observed.images, ...fresh]) };
  }

  private async observe(engine: HttpEngine, model: ProjectModel, signal?: AbortSignal) {
    const { context, values } = this;
    const { separator } = context;
    const images = Object.entries(model.services).map(([name, { image }]) =>
      imageOf(model.name, name, image, separator),
    );
    const observed = await observeProject(engine, model.name, wantedOf(model, images), signal);
    const wishes = {
      build: values.build,
      noBuild: false,
      pull: values.pull,
      quietPull: values.quiet || values["quiet-pull"],
      quietBuild: values.quiet || values["quiet-build"],
    };
    return { observed, wishes, tasks: imageTasks(model, observed.images, wishes, { now: Date.now(), separator }) };
  }

  private containerName(project: string): string {
    const { values, service, slug, context } = this;
    return values.name || [project, service, "run", slug.slice(0, NAME_DIGITS)].join(context.separator);
  }

  private oneOff(project: string, words: string[], hasEntrypoint: boolean, tty: boolean) {
    const { values } = this;
    return {
      containerName: this.containerName(project),
      command: words,
      entrypoint: hasEntrypoint ? values.entrypoint : undefined,
      environment: environmentOf(values["env-from-file"], values.env) ?? [],
      labels: values.label,
      user: values.user,
      workingDir: values.workdir,
      capAdd: values["cap-add"],
      capDrop: values["cap-drop"],
      volumes: values.volume,
      publish: values.publish,
      keepsPorts: values["service-ports"],
      tty,
      interactive: values.interactive,
    };
  }

  private attached(request: ContainerCreateRequest): ContainerCreateRequest {
    const { interactive, rm } = this.values;
    return {
      ...request,
      AttachStdin: interactive,
      StdinOnce: interactive,
      HostConfig: { ...request.HostConfig, AutoRemove: rm },
    };
  }

  /** Brings up all that the service depends on, in the state that it waits for; networks and volumes too. */
  private async startDependencies(
    engine: HttpEngine,
    model: ProjectModel,
    observed: ObservedProject,
    signal: AbortSignal,
  ) {
    const { context, values } = this;
    const plan = this.dependenciesPlan(model, observed);
    const display = openProgressDisplay(context, "Running", values.quiet);
    try {
      return await runPlan(engine, this.withoutOwn(model), observed, plan, {
        separator: context.separator,
        onProgress: display.take,
        warn: (text) => warn(context, text),
        parallel: parallelLimit(context),
        signal,
        proxies: await proxiesOf(context, (await context.client()).host),
      });
    } finally {
      display.finish();
    }
  }

  private withoutOwn(model: ProjectModel): ProjectModel {
    const { [this.service]: _own, ...services } = model.services;
    return { ...model, services, disabled: [...model.disabled, this.service] };
  }

  private dependenciesPlan(model: ProjectModel, observed: ObservedProject): Plan {
    const { context, service, values } = this;
    const others = this.withoutOwn(model);
    const plan = planUp(others, observed, {
      services: [],
      recreate: "diverged",
      recreateDependencies: "diverged",
      starts: true,
      orphans: values["remove-orphans"] ? "remove" : "ignore",
      scale: {},
      separator: context.separator,
      lostVolumes: new Set(),
    });
    const needs = plan.steps.map(({ id }) => id);
    for (const [name, { condition, required }] of Object.entries(model.services[service]?.depends_on ?? {})) {
      if (!others.services[name]) continue;
      const action = { kind: "wait", service: name, condition, isRequired: required } as const;
      plan.steps.push({ id: `wait for ${name}`, action, needs, reason: `${service} depends on it` });
    }
    return plan;
  }
}
