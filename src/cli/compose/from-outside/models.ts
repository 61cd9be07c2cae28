/** `models`: a service is told where a language model is served, and by which name. */
import { isTree, type Tree } from "../../../compose/document.ts";
import type { ComposeProject } from "../../../compose/load-project.ts";
import { listOf } from "../../../compose/short-forms.ts";
import { CliError } from "../../cli-error.ts";
import type { ComposeContext } from "../declaration.ts";
import { openProgressDisplay } from "../progress-display.ts";
import { servicesOf } from "../project-services.ts";
import { changedProject, withVariables } from "./changed-project.ts";
import { findPlugin, outputOf, programEnvironment } from "./plugin-programs.ts";

/** On a model: the address of somebody who serves it. */
const ENDPOINT = "x-naru-endpoint";

/**
 * Gives services the variables of their models: `NAME_MODEL` and `NAME_URL`, or as they name them. A model is served at its
 * `x-naru-endpoint`, else by docker's plugin for models, which gets it first. Throws CliError when nobody serves it.
 */
export async function withModels(
  context: ComposeContext,
  project: ComposeProject,
  signal?: AbortSignal,
): Promise<ComposeProject> {
  const models = usedModels(project);
  const served = Object.entries(models).filter(([, model]) => typeof model[ENDPOINT] !== "string");
  const runner = served.length === 0 ? "" : await runnerEndpoint(context, project, Object.fromEntries(served), signal);
  const endpointOf = (model: Tree) => (typeof model[ENDPOINT] === "string" ? model[ENDPOINT] : runner);
  return changedProject(project, (service) => {
    const variables: Record<string, string> = {};
    for (const [name, settings] of Object.entries(isTree(service.models) ? service.models : {})) {
      const named = isTree(settings) ? settings : {};
      const prefix = name.toUpperCase().replaceAll("-", "_");
      variables[String(named.model_var ?? `${prefix}_MODEL`)] = String(models[name]!.model);
      variables[String(named.endpoint_var ?? `${prefix}_URL`)] = endpointOf(models[name]!);
    }
    return withVariables(service, variables);
  });
}

/** The models that services use, by their names in the project. */
function usedModels(project: ComposeProject): Record<string, Tree> {
  const known = isTree(project.tree.models) ? project.tree.models : {};
  const names = Object.values(servicesOf(project)).flatMap(({ models }) => Object.keys(isTree(models) ? models : {}));
  return Object.fromEntries(names.map((name) => [name, isTree(known[name]) ? known[name] : {}]));
}

/** Has docker's plugin get and prepare the models (a dry run: only asks it). Resolves to where it serves them. */
async function runnerEndpoint(
  context: ComposeContext,
  project: ComposeProject,
  models: Record<string, Tree>,
  signal: AbortSignal | undefined,
): Promise<string> {
  const plugin = await findPlugin(context, "model");
  if (plugin === undefined) {
    const names = Object.keys(models).join(", ");
    throw new CliError(
      `nobody serves the model ${names}: name its address (${ENDPOINT}, under models), or install docker's plugin for models (docker-model)`,
    );
  }
  const run = { environment: await programEnvironment(context, project.variables), signal };
  const ask = (...words: string[]) => outputOf([plugin, ...words], run);
  if (!context.isDryRun) await prepare(context, models, ask);
  const { endpoint } = JSON.parse(await ask("status", "--json")) as { endpoint?: string };
  if (!endpoint) throw new CliError(`${plugin} does not say where it serves models: look at its 'status'`);
  return endpoint;
}

async function prepare(
  context: ComposeContext,
  models: Record<string, Tree>,
  ask: (...words: string[]) => Promise<string>,
): Promise<void> {
  const listed = JSON.parse(await ask("ls", "--json")) as { tags?: string[] | null }[] | null;
  const here = (listed ?? []).flatMap(({ tags }) => tags ?? []);
  const display = openProgressDisplay(context, "Running");
  try {
    for (const [name, model] of Object.entries(models)) {
      const id = String(model.model);
      if (!here.includes(id)) {
        display.take({ id: name, state: "working", text: "Pulling" });
        await ask("pull", id);
      }
      display.take({ id: name, state: "working", text: "Configuring" });
      const size = Number(model.context_size ?? 0);
      const flags = listOf(model.runtime_flags).map(String);
      await ask(
        "configure",
        ...(size > 0 ? ["--context-size", String(size)] : []),
        id,
        ...(flags.length > 0 ? ["--", ...flags] : []),
      );
      display.take({ id: name, state: "done", text: "Configured" });
    }
  } finally {
    display.finish();
  }
}
