/** `provider`: a service that a program provides in the place of containers (docker compose's protocol for providers). */
import { isTree, newTree, type Tree, type Value } from "../../../compose/document.ts";
import type { ComposeProject } from "../../../compose/load-project.ts";
import { inDependencyOrder } from "../../../compose/plan/service-order.ts";
import { listOf } from "../../../compose/short-forms.ts";
import { CliError } from "../../cli-error.ts";
import type { ComposeContext } from "../declaration.ts";
import { openProgressDisplay } from "../progress-display.ts";
import { servicesOf } from "../project-services.ts";
import { changedProject, withVariables } from "./changed-project.ts";
import { eachLineOf, findPlugin, outputOf, programEnvironment } from "./plugin-programs.ts";
import type { SuppliedProject, SupplyWishes } from "./supply-services.ts";

/** What a provider writes, a line each. */
interface ProviderMessage {
  type?: string;
  message?: string;
}
interface ProviderVariables {
  /** Get the service's name before theirs. */
  own: Record<string, string>;
  /** Keep their names. */
  raw: Record<string, string>;
}
/** What a provider says about itself (`compose metadata`). */
interface ProviderMetadata {
  description?: string;
  up?: CommandMetadata;
  down?: CommandMetadata;
}
interface CommandMetadata {
  parameters?: { name: string; required?: boolean }[];
}
type Action = "up" | "down";

const WORDS = {
  up: { working: "Creating", done: "Created", verb: "create" },
  down: { working: "Removing", done: "Removed", verb: "remove" },
} as const;

/**
 * Has providers bring up their services, those that others depend on first, and gives what they tell to the services that depend on
 * them. A dry run calls nobody. Throws CliError when a provider is missing or fails.
 */
export async function withProviders(
  context: ComposeContext,
  project: ComposeProject,
  { providers, signal }: SupplyWishes,
): Promise<SuppliedProject> {
  const provided = providedServices(project);
  const variables = new Map<string, Record<string, string>>();
  for (const name of provided) {
    if (context.isDryRun || (providers.length > 0 && !providers.includes(name))) continue;
    const told = await callProvider(context, project, name, "up", signal);
    const prefixed = Object.entries(told.own).map(([key, value]) => [`${name.toUpperCase()}_${key}`, value]);
    variables.set(name, { ...Object.fromEntries(prefixed), ...told.raw });
  }
  const changed = changedProject(project, (service, name) => {
    if (provided.includes(name)) return undefined;
    const needed = Object.keys(isTree(service.depends_on) ? service.depends_on : {});
    const own = needed.map((each) => variables.get(each)).filter((each) => each !== undefined);
    return own.length === 0 ? service : withVariables(service, Object.assign({}, ...own));
  });
  return { project: { ...changed, unchosen: [...changed.unchosen, ...provided] }, provided };
}

/** Services with a provider, those that others depend on first. */
export function providedServices(project: ComposeProject): string[] {
  const services = servicesOf(project);
  const dependencies = Object.entries(services).map(([name, service]) => [
    name,
    { depends_on: isTree(service.depends_on) ? service.depends_on : {} },
  ]);
  return inDependencyOrder(Object.fromEntries(dependencies)).filter((name) => services[name]!.provider !== undefined);
}

/** Has a provider bring a service up or down. Resolves to the variables that it tells. Throws CliError when it is missing or fails. */
export async function callProvider(
  context: ComposeContext,
  project: ComposeProject,
  service: string,
  action: Action,
  signal?: AbortSignal,
): Promise<ProviderVariables> {
  const provider = servicesOf(project)[service]!.provider as Tree;
  const program = await findProvider(context, service, String(provider.type));
  const run = { environment: await programEnvironment(context, project.variables), signal };
  const command = commandOf(await metadataOf(program, run), { provider, action });
  const display = openProgressDisplay(context, "Running");
  const tell = (state: "working" | "done" | "error", text: string) => display.take({ id: service, state, text });
  const variables: ProviderVariables = { own: {}, raw: {} };
  tell("working", WORDS[action].working);
  try {
    const words = [program, "compose", `--project-name=${project.name}`, action, ...command, service];
    await eachLineOf<ProviderMessage>(words, run, (message) => takeMessage(context, message, variables, tell));
    tell("done", WORDS[action].done);
  } catch (error) {
    signal?.throwIfAborted();
    const words = (error as Error).message;
    tell("error", words.split("\n")[0]!);
    throw new CliError(
      `service ${JSON.stringify(service)}: failed to ${WORDS[action].verb} service provider: ${words}`,
    );
  } finally {
    display.finish();
  }
  return variables;
}

async function findProvider(context: ComposeContext, service: string, type: string): Promise<string> {
  const found = type === "compose" ? undefined : ((await findPlugin(context, type)) ?? Bun.which(type));
  if (found) return found;
  throw new CliError(
    `service ${JSON.stringify(service)}: its provider ${JSON.stringify(type)} is not here: install the program ${type} on the PATH, or docker's plugin docker-${type}`,
  );
}

/** A program that says nothing about itself takes every option. */
async function metadataOf(program: string, run: Parameters<typeof outputOf>[1]): Promise<ProviderMetadata> {
  try {
    return JSON.parse(await outputOf([program, "compose", "metadata"], run)) as ProviderMetadata;
  } catch (error) {
    run.signal?.throwIfAborted();
    if (error instanceof SyntaxError || error instanceof CliError) return {};
    throw error;
  }
}

/** The options that the program takes for the action, as flags. */
function commandOf(metadata: ProviderMetadata, { provider, action }: { provider: Tree; action: Action }): string[] {
  const saysNothing = !metadata.description && !metadata.up?.parameters && !metadata.down?.parameters;
  const parameters = metadata[action]?.parameters ?? [];
  const options: Tree = isTree(provider.options) ? provider.options : newTree();
  const missing = parameters.find(({ name, required }) => required && options[name] === undefined);
  if (missing && !saysNothing)
    throw new CliError(
      `required parameter ${JSON.stringify(missing.name)} is missing from provider ${JSON.stringify(provider.type)} definition`,
    );
  const taken = Object.entries(options).filter(
    ([name]) => saysNothing || parameters.some((each) => each.name === name),
  );
  return taken.flatMap(([name, value]) => listOf(value as Value).map((each) => `--${name}=${each}`));
}

function takeMessage(
  context: ComposeContext,
  { type, message = "" }: ProviderMessage,
  variables: ProviderVariables,
  tell: (state: "working", text: string) => void,
): void {
  switch (type) {
    case "info":
      tell("working", message.trimEnd().split("\n")[0]!);
      return;
    case "debug":
      if (context.globals.verbose) context.printError(`${message}\n`);
      return;
    case "error":
      throw new CliError(message);
    case "setenv":
    case "rawsetenv": {
      const at = message.indexOf("=");
      if (at <= 0) throw new CliError(`invalid response from plugin: ${message}`);
      variables[type === "setenv" ? "own" : "raw"][message.slice(0, at)] = message.slice(at + 1);
      return;
    }
    default:
      throw new CliError(`invalid response from plugin: ${type}`);
  }
}
