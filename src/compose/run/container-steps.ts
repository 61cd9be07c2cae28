import { NaruError } from "../../lib/errors.ts";
import type { ObservedContainer, StepAction } from "../contract.ts";
import { imageOf } from "../service-containers/container-name.ts";
import { containerOrder } from "../service-containers/create-request.ts";
import { containerMounts, type Inherited, inheritedFrom } from "../service-containers/mounts.ts";
import { awaitContainer } from "./await-service.ts";
import { runHooks } from "./hooks.ts";
import { lastLines } from "./last-lines.ts";
import type { LiveContainer, RunContext } from "./run-context.ts";
import { tarArchive } from "./tar-archive.ts";
import { isTolerated } from "./update-failures.ts";

type Action<K extends StepAction["kind"]> = Extract<StepAction, { kind: K }>;

export async function createContainer(context: RunContext, action: Action<"create-container">): Promise<void> {
  const { container, service, number } = action;
  const id = `Container ${container}`;
  context.options.onProgress({ id, state: "working", text: "Creating" });
  await failing(context, id, service, "create", async () => {
    context.live.add({ id: await makeContainer(context, action, {}), name: container, service, number });
  });
  context.options.onProgress({ id, state: "done", text: "Created" });
}

/** Makes the container of a service that a wish describes, under `name` where it is given. Resolves to its id. */
async function makeContainer(
  context: RunContext,
  { service, number }: { service: string; number: number },
  { name, inherited, replaces }: { name?: string; inherited?: Inherited; replaces?: string },
): Promise<string> {
  const { project, options, observed, engine, live } = context;
  const model = project!.services[service]!;
  const image = observed.images.get(imageOf(project!.name, service, model.image, options.separator));
  const order = await containerOrder(project!, {
    service,
    number,
    separator: options.separator,
    containersOf: (each) => live.of(each),
    imageId: image?.Id,
    inherited,
    replaces,
    proxies: options.proxies,
  });
  for (const warning of order.warnings) options.warn(warning);
  return (await engine.createContainer(name ?? order.name, order.request, order.platform)).Id;
}

/** Puts a new container in the place of an old one. */
export async function recreateContainer(context: RunContext, action: Action<"recreate-container">): Promise<void> {
  const { engine, options, observed, project } = context;
  const { replaces: old, service, number, container } = action;
  const id = `Container ${container}`;
  options.onProgress({ id, state: "working", text: "Recreate" });
  const model = project!.services[service]!;
  await failing(context, id, service, "recreate", async () => {
    const image = observed.images.get(imageOf(project!.name, service, model.image, options.separator));
    const inherited = options.renewsAnonymousVolumes
      ? undefined
      : inheritedFrom(await engine.inspectContainer(old.id), image?.Config?.Volumes);
    const name = `${old.id.slice(0, 12)}_${container}`;
    const replaces = model.container_name || `${service}-${number}`;
    const made = await makeContainer(context, action, { name, inherited, replaces });
    const replacement = { id: made, name: container, service, number };
    const end = () => endOld(context, action, replacement);
    if (action.order === "stop-first") await orRemove(context, made, end);
    else if (!(await startedBeside(context, action, replacement, end))) {
      options.onProgress({ id, state: "error", text: "Error" });
      return;
    }
    context.live.add(replacement);
    await engine.renameContainer(made, container);
    options.onProgress({ id, state: "done", text: action.order === "start-first" ? "Updated" : "Recreated" });
  });
}

/** What is half-built undoes itself: when the old one cannot be ended, the new one goes. */
async function orRemove(context: RunContext, id: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await context.engine.removeContainer(id, { force: true }).catch(() => {});
    throw error;
  }
}

/** Stops the old container and removes it, unless it may have to come back. */
async function endOld(
  context: RunContext,
  action: Action<"recreate-container">,
  replacement: LiveContainer,
): Promise<void> {
  const { engine, options, project, live, kept } = context;
  const { replaces: old, failure } = action;
  if (old.state === "running") await runHooks(context, old, "pre_stop", project!.services[old.service]?.pre_stop);
  // Also one that ended meanwhile: stopping it changes nothing.
  await engine.stopContainer(old.id, { timeout: options.timeout });
  if (failure.rollsBack) {
    await engine.renameContainer(old.id, `${replacement.id.slice(0, 12)}_${old.name}`);
    kept.push({ old, replacement });
  } else await engine.removeContainer(old.id, {});
  live.remove(old.id);
}

/**
 * The new container serves before the old one ends. When it does not get ready, it goes and the old one stays: false where the
 * update tolerates that, else thrown.
 */
async function startedBeside(
  context: RunContext,
  { replaces: old, failure }: Action<"recreate-container">,
  replacement: LiveContainer,
  end: () => Promise<void>,
): Promise<boolean> {
  const { engine } = context;
  let isOldGone = false;
  const endIt = async () => {
    await end();
    isOldGone = true;
  };
  try {
    if (!(await startedWithPorts(context, old, replacement, endIt))) return true;
    const { service } = replacement;
    await awaitContainer(context, replacement, { service, condition: "running_or_healthy", isRequired: true });
    await endIt();
    return true;
  } catch (error) {
    // One of the two stays in any case.
    if (isOldGone) await engine.renameContainer(replacement.id, replacement.name).catch(() => {});
    else await engine.removeContainer(replacement.id, { force: true }).catch(() => {});
    if (!isTolerated(context, replacement, failure.tolerated, error)) throw error;
    if (isOldGone) context.live.add(replacement);
    return false;
  }
}

/** Starts the new container; false where the old one had to end first, since the engine lets only one have a port. */
async function startedWithPorts(
  context: RunContext,
  old: ObservedContainer,
  replacement: LiveContainer,
  end: () => Promise<void>,
): Promise<boolean> {
  try {
    await startNew(context, replacement);
    return true;
  } catch (error) {
    if (!isPortTaken(error)) throw error;
    context.options.warn(
      `${old.name} has a port that its replacement needs, and this engine does not share ports: it stops first`,
    );
    await end();
    await startNew(context, replacement);
    return false;
  }
}

/** The engine lets only one container have the port. */
export const isPortTaken = (error: unknown) =>
  /port is already allocated|address already in use/.test((error as Error).message);

export async function startContainer(context: RunContext, action: Action<"start-container">): Promise<void> {
  const { service, container: name, tolerated = 0 } = action;
  const container = context.live.named(name) ?? { id: action.id!, name, service, number: 0 };
  const id = `Container ${name}`;
  context.options.onProgress({ id, state: "working", text: "Starting" });
  try {
    await failing(context, id, service, "start", () => startNew(context, container));
  } catch (error) {
    if (!isTolerated(context, container, tolerated, error)) throw error;
    return;
  }
  context.options.onProgress({ id, state: "done", text: "Started" });
}

/** Writes its configs and secrets, starts it, and runs its hooks. */
async function startNew(context: RunContext, container: LiveContainer): Promise<void> {
  const { engine, options, project } = context;
  const service = project?.services[container.service];
  if (service && project) {
    const { files } = containerMounts(project, container.service, service, undefined);
    if (files.length > 0) await engine.putArchive(container.id, "/", tarArchive(files, Math.floor(Date.now() / 1000)));
  }
  await options.beforeStart?.(container);
  await engine.startContainer(container.id);
  await runHooks(context, container, "post_start", service?.post_start);
}

/** Failures say which service it was. */
async function failing(
  context: RunContext,
  id: string,
  service: string,
  verb: string,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    context.options.onProgress({ id, state: "error", text: "Error" });
    if (!(error instanceof NaruError)) throw error;
    if (error.message.startsWith("service ") || error.message.includes(`service ${JSON.stringify(service)}`))
      throw error;
    const container = verb === "start" ? context.live.named(id.slice("Container ".length)) : undefined;
    const lines = container && /hook/.test(error.message) ? await lastLines(context.engine, container) : "";
    throw new NaruError(
      error.kind,
      `service ${JSON.stringify(service)}: cannot ${verb} its container: ${error.message}${lines}`,
      {
        cause: error,
      },
    );
  }
}
