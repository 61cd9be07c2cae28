import { type ComposeProject, loadProject } from "../../compose/load-project.ts";
import { NaruError } from "../../lib/errors.ts";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command.ts";
import { isSwitchedOn } from "../go-bool.ts";
import type { ComposeContext, LoadOptions } from "./declaration.ts";
import type { GlobalValues } from "./global-flags.ts";

/** Adds the project to a command's context. `dryRun` is the command's own `--dry-run`. */
export function composeContext(context: CommandContext, globals: GlobalValues, dryRun: boolean): ComposeContext {
  const isDryRun = dryRun || globals["dry-run"] || isSwitchedOn(process.env.COMPOSE_DRY_RUN);
  const load = (options: LoadOptions = {}) => readProject(context, globals, options);
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
): Promise<ComposeProject> {
  const request = {
    files: await filesHere(context, globals.file),
    // A project from elsewhere belongs to the folder where it is used.
    projectDirectory:
      globals["project-directory"] || globals.workdir || (isPublished(globals.file[0]) ? process.cwd() : ""),
    envFiles: globals["env-file"],
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
  const surroundings = { cwd: process.cwd(), environment: process.env, warn };
  try {
    return await loadProject(request, surroundings, () => Bun.stdin.text());
  } catch (error) {
    if (error instanceof NaruError) throw new CliError(error.message);
    throw error;
  }
}

const isPublished = (file: string | undefined) => file?.startsWith("oci://") === true;

/** What lies in a registry (`oci://…`) is fetched first. */
async function filesHere(context: CommandContext, files: readonly string[]): Promise<readonly string[]> {
  if (!files.some(isPublished)) return files;
  const { localFiles } = await import("./published/project-artifact.ts");
  return await localFiles(context, files);
}
