import { type ComposeProject, loadProject } from "../../compose/load-project.ts";
import type { Surroundings } from "../../compose/project-files.ts";
import { NaruError } from "../../lib/errors.ts";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command.ts";
import { isSwitchedOn } from "../go-bool.ts";
import type { ComposeContext, LoadOptions } from "./declaration.ts";
import { envFilesOf, ignoresDotEnv } from "./env-settings.ts";
import type { GlobalValues } from "./global-flags.ts";
import type { RemoteFiles } from "./remote/remote-files.ts";

/** Adds the project to a command's context. `dryRun` is the command's own `--dry-run`. */
export function composeContext(context: CommandContext, globals: GlobalValues, dryRun: boolean): ComposeContext {
  const isDryRun = dryRun || globals["dry-run"] || isSwitchedOn(process.env.COMPOSE_DRY_RUN);
  const fetch = remoteFetcher(context);
  const load = (options: LoadOptions = {}) => readProject(context, globals, options, fetch);
  const givenName = globals["project-name"];
  return {
    ...context,
    globals,
    isDryRun,
    separator: globals.compatibility || isSwitchedOn(process.env.COMPOSE_COMPATIBILITY) ? "_" : "-",
    loadProject: load,
    async projectName() {
      return givenName || process.env.COMPOSE_PROJECT_NAME || (await load({ skips: ["environment"] })).name;
    },
    async projectOrName(services = []) {
      if (givenName !== "" && globals.file.length === 0) return { name: givenName };
      try {
        const project = await load({ services, skips: ["environment"] });
        return { name: project.name, project };
      } catch (error) {
        const name = process.env.COMPOSE_PROJECT_NAME;
        if (!name || !(error instanceof CliError)) throw error;
        return { name };
      }
    },
  };
}

async function readProject(
  context: CommandContext,
  globals: GlobalValues,
  options: LoadOptions,
  fetch: Surroundings["fetch"],
): Promise<ComposeProject> {
  const request = {
    files: globals.file,
    projectDirectory: globals["project-directory"] || globals.workdir,
    envFiles: envFilesOf(globals),
    ignoresDotEnv: ignoresDotEnv(),
    name: globals["project-name"],
    profiles: options.profiles ?? globals.profile,
    services: options.services ?? [],
    skips: new Set(options.skips ?? []),
    keepsUnused: globals["all-resources"],
  };
  const warn = (text: string) => {
    const time = `${new Date().toISOString().slice(0, 19)}Z`;
    context.printError(`time="${time}" level=warning msg=${JSON.stringify(text)}\n`);
  };
  const surroundings = { cwd: process.cwd(), environment: process.env, warn, fetch };
  try {
    return await loadProject(request, surroundings, () => Bun.stdin.text());
  } catch (error) {
    if (error instanceof NaruError) throw new CliError(error.message);
    throw error;
  }
}

/** Files that lie elsewhere: fetched once for all that a command reads. */
function remoteFetcher(context: CommandContext): Surroundings["fetch"] {
  let files: Promise<RemoteFiles> | undefined;
  return async (address) => {
    files ??= import("./remote/remote-files.ts").then((module) => new module.RemoteFiles(context));
    return await (await files).fetch(address);
  };
}
