import { randomBytes } from "node:crypto";
import type { ObservedProject } from "../../compose/contract.ts";
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
import { minArgs } from "../command.ts";
import { command as startContainer } from "../commands/start.ts";
import { checkEnv, checkLabel, environmentOf } from "../container-options/environment.ts";
import { bool, list, string } from "../flag-types.ts";
import type { FlagValues } from "../flags.ts";
import { isTerminal } from "../output.ts";
import { proxiesOf, warn } from "./bring-up.ts";
import { type ComposeContext, defineComposeCommand } from "./declaration.ts";
import { oneOf } from "./global-flags.ts";
import { HttpEngine } from "./http-engine.ts";
import { interruptible } from "./interruptible.ts";
import { withOneOffService } from "./one-off-service.ts";
import { parallelLimit } from "./parallel-limit.ts";
import { openProgressDisplay } from "./progress-display.ts";
import { getImages, imageTasks } from "./service-images.ts";

const NAME_DIGITS = 12;

const flags = {
  build: bool("Build the image first"),
  "cap-add": list("Add rights (capabilities)"),
  "cap-drop": list("Take rights (capabilities) away"),
  detach: bool("Start it, print its id and come back", { short: "d" }),
  entrypoint: string("Instead of the image's entrypoint"),
  env: list("A variable, as NAME=value", { short: "e", type: "stringArray", check: checkEnv }),
  "env-from-file": list("A file with variables, one a line", { type: "stringArray" }),
  interactive: bool("Keep standard input open", { short: "i", initial: true }),
  label: list("A label, as key=value", { short: "l", type: "stringArray", check: checkLabel }),
  name: string("Name of the container"),
  "no-TTY": bool("No terminal for the command (default: none where this output is none)", { short: "T" }),
  "no-deps": bool("Leave alone what the service depends on"),
  publish: list("Publish a port, as [[HOST-IP:]PORT:]CONTAINER-PORT", { short: "p", type: "stringArray" }),
  pull: string('Get images first: "always", "missing" or "never" (default: as the services wish)', {
    initial: "policy",
    defaultText: "",
    check: oneOf("policy", "always", "missing", "never"),
  }),
  quiet: bool("Show no progress", { short: "q" }),
  "quiet-build": bool("Show nothing of builds"),
  "quiet-pull": bool("Show nothing of pulls"),
  "remove-orphans": bool("Remove containers whose services are not in the files any more"),
  rm: bool("Remove the container when it has ended"),
  "service-ports": bool("Publish the service's own ports", { short: "P" }),
  tty: bool("Give the command a terminal", { short: "t", initial: true, hidden: true }),
  "use-aliases": bool("Answer to the service's names in its networks"),
  user: string("User to run as", { short: "u" }),
  volume: list("A mount, as SOURCE:TARGET[:ro]", { short: "v", type: "stringArray" }),
  workdir: string("Folder to run in", { short: "w" }),
};
type RunFlags = FlagValues<typeof flags>;

export const command = defineComposeCommand({
  usage: "[OPTIONS] SERVICE [COMMAND] [ARGS...]",
  summary: "Run a command in a new container of a service",
  args: minArgs(1),
  interspersed: false,
  flags,
  async run({ flags: values, args: [service = "", ...words], given, context }) {
    const run = new OneOffRun(context, service, values);
    const wantsTerminal = given("no-TTY")
      ? !values["no-TTY"]
      : given("tty")
        ? values.tty
        : isTerminal(0) && isTerminal(1);
    const tty = wantsTerminal && !values.detach;
    const id = await interruptible((signal) => run.prepare(words, given("entrypoint"), tty, signal));
    const client = await context.client();
    if (values.detach) {
      await client.post(`/containers/${id}/start`);
      context.print(`${id}\n`);
      return 0;
    }
    const start = {
      attach: true,
      checkpoint: "",
      "checkpoint-dir": "",
      "detach-keys": "",
      interactive: values.interactive,
    };
    return (await startContainer.run({ flags: start, args: [id], given: () => false, context })) ?? 0;
  },
});

class OneOffRun {
  /** Tells this run from all others, as docker compose's slug does. */
  private readonly slug = randomBytes(32).toString("hex");

  constructor(
    private readonly context: ComposeContext,
    private readonly service: string,
    private readonly values: RunFlags,
  ) {}

  /** Brings up what the service depends on and makes the container. Resolves to its id. */
  async prepare(words: string[], hasEntrypoint: boolean, tty: boolean, signal: AbortSignal): Promise<string> {
    const { context, service, values } = this;
    const read = await context.loadProject({ services: [service] });
    const noDependencies = values["no-deps"];
    const loaded = withOneOffService(read, service, this.oneOff(read.name, words, hasEntrypoint, tty), noDependencies);
    const model = projectModel(loaded);
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
    { loaded, model }: { loaded: ComposeProject; model: ProjectModel },
    signal: AbortSignal,
  ): Promise<ObservedProject> {
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
    const tasks = imageTasks(model, observed.images, wishes, { now: Date.now(), separator });
    if (tasks.length === 0) return observed;
    const fresh = await getImages(context, engine, { loaded, model }, tasks, wishes, signal);
    return { ...observed, images: new Map([...observed.images, ...fresh]) };
  }

  private oneOff(project: string, words: string[], hasEntrypoint: boolean, tty: boolean) {
    const { values, service, slug } = this;
    return {
      containerName: values.name || [project, service, "run", slug.slice(0, NAME_DIGITS)].join(this.context.separator),
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

  /** All that the service depends on, in the state that it waits for; networks and volumes too. */
  private async startDependencies(
    engine: HttpEngine,
    model: ProjectModel,
    observed: ObservedProject,
    signal: AbortSignal,
  ) {
    const { context, service, values } = this;
    const { [service]: own, ...services } = model.services;
    const others = { ...model, services, disabled: [...model.disabled, service] };
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
    for (const [name, { condition, required }] of Object.entries(own?.depends_on ?? {})) {
      if (!services[name]) continue;
      const action = { kind: "wait", service: name, condition, isRequired: required } as const;
      plan.steps.push({ id: `wait for ${name}`, action, needs, reason: `${service} depends on it` });
    }
    const display = openProgressDisplay(context, "Running", values.quiet);
    try {
      return await runPlan(engine, others, observed, plan, {
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
}
