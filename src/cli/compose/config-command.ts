import { isTree, newTree, type Tree, type Value } from "../../compose/document.ts";
import { withPlace } from "../../compose/error-place.ts";
import { namedVariables } from "../../compose/interpolation.ts";
import type { ComposeProject } from "../../compose/load-project.ts";
import { renderModel, renderProject } from "../../compose/render.ts";
import { serviceHash } from "../../compose/service-hash.ts";
import { listOf } from "../../compose/short-forms.ts";
import { NaruError } from "../../lib/errors.ts";
import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import type { FlagValues } from "../flags.ts";
import { type ComposeContext, defineComposeCommand, type LoadOptions } from "./declaration.ts";
import { pinImages } from "./pin-images.ts";
import { tabTable } from "./tab-table.ts";

const CONFIG_FLAGS = {
  environment: bool("Print the variables used for interpolation"),
  format: string("yaml or json"),
  hash: string("Print the hashes of services: their names with commas between, or '*'"),
  images: bool("Print the names of the images"),
  "lock-image-digests": bool("Print an override file with the digests of the images"),
  models: bool("Print the names of the models"),
  networks: bool("Print the names of the networks"),
  "no-consistency": bool("Do not check whether what services name is there"),
  "no-env-resolution": bool("Do not read the services' env files"),
  "no-interpolate": bool("Leave variables as they are"),
  "no-normalize": bool("Do not add what is implied"),
  "no-path-resolution": bool("Leave paths as they are"),
  output: string("Write to this file", { short: "o" }),
  profiles: bool("Print the names of the profiles"),
  quiet: bool("Only check", { short: "q" }),
  "resolve-image-digests": bool("Replace tags of images by digests"),
  services: bool("Print the names of the services"),
  variables: bool("Print the variables of the files and their defaults"),
  volumes: bool("Print the names of the volumes"),
};

interface ConfigCall {
  flags: FlagValues<typeof CONFIG_FLAGS>;
  services: string[];
  context: ComposeContext;
}

/** The project as it was understood, or one aspect of it. */
export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Parse, resolve and print the project (also: convert)",
  args: minArgs(0),
  dryRun: "reads",
  flags: CONFIG_FLAGS,
  async run({ flags, args: services, context }) {
    try {
      return await printConfig({ flags, services, context });
    } catch (error) {
      if (error instanceof NaruError) throw new CliError(error.message);
      throw error;
    }
  },
});

async function printConfig(call: ConfigCall): Promise<number> {
  const { flags, context, services } = call;
  const { format } = flags;
  if (!["", "yaml", "json"].includes(format) && !flags.variables)
    throw new CliError(`unsupported format ${JSON.stringify(format)}: use yaml or json`);
  const lines = await aspectOf(call);
  if (lines !== undefined) {
    context.print(lines.map((line) => `${line}\n`).join(""));
    return 0;
  }
  const project = await load(call, services, flags["no-interpolate"], flags["no-env-resolution"]);
  const written = format === "json" ? "json" : "yaml";
  let { tree } = project;
  if (flags["resolve-image-digests"] || flags["lock-image-digests"]) await pinImages(tree, context);
  if (flags["lock-image-digests"]) tree = lockFile(tree);
  const isModel = flags["no-interpolate"] || flags["lock-image-digests"];
  const text = withPlace(project.places, () => (isModel ? renderModel(tree, written) : renderProject(tree, written)));
  if (flags.quiet) return 0;
  if (flags.output === "") context.print(text);
  else await Bun.write(flags.output, text);
  return 0;
}

/** The lines of the one aspect that was asked for, else undefined. */
async function aspectOf(call: ConfigCall): Promise<string[] | undefined> {
  const { flags, services } = call;
  const light = (names: string[]) => load(call, names, false, true);
  const keys = (tree: Tree, section: string) => Object.keys(isTree(tree[section]) ? tree[section] : {}).sort();
  if (flags.services) return keys((await load(call, [], flags["no-interpolate"], true)).tree, "services");
  if (flags.volumes) return keys((await light([])).tree, "volumes");
  if (flags.networks) return keys((await light([])).tree, "networks");
  if (flags.models)
    return Object.values(section((await light([])).tree, "models")).map((model) =>
      String(isTree(model) ? model.model : ""),
    );
  if (flags.hash !== "") return hashes(await light([]), flags.hash);
  if (flags.profiles) {
    const project = await light(services);
    const all = [...Object.values(section(project.tree, "services")), ...Object.values(project.disabled)];
    return [...new Set(all.flatMap((service) => (isTree(service) ? listOf(service.profiles).map(String) : [])))].sort();
  }
  if (flags.images) {
    const project = await light(services);
    return Object.entries(section(project.tree, "services")).map(([name, service]) =>
      imageOf(service, project.name, name, call.context.separator),
    );
  }
  if (flags.variables) return variableLines(await load(call, services, true, true), flags.format);
  if (flags.environment)
    return [...(await load(call, services, false, false)).variables].map(([key, value]) => `${key}=${value}`).sort();
  return undefined;
}

const section = (tree: Tree, name: string): Tree => (isTree(tree[name]) ? tree[name] : newTree());
const imageOf = (service: Value, project: string, name: string, separator: string) =>
  isTree(service) && typeof service.image === "string" && service.image !== ""
    ? service.image
    : `${project}${separator}${name}`;

async function load(
  call: ConfigCall,
  services: string[],
  keepsVariables: boolean,
  skipsEnvironment: boolean,
): Promise<ComposeProject> {
  const { flags, context } = call;
  const skips: NonNullable<LoadOptions["skips"]>[number][] = [];
  if (keepsVariables) skips.push("interpolate");
  if (flags["no-normalize"]) skips.push("normalize");
  if (flags["no-path-resolution"]) skips.push("paths");
  if (flags["no-consistency"]) skips.push("consistency");
  if (skipsEnvironment) skips.push("environment");
  return await context.loadProject({ services, skips });
}

function hashes(project: ComposeProject, asked: string): string[] {
  const services = section(project.tree, "services");
  const names = asked === "*" ? Object.keys(services) : asked.split(",");
  return names.sort().map((name) => {
    const service = services[name];
    if (!isTree(service)) throw new CliError(`no such service: ${name}`);
    return `${name} ${withPlace(project.places, () => serviceHash(service, name))}`;
  });
}

function lockFile(tree: Tree): Tree {
  const services = newTree();
  for (const [name, service] of Object.entries(section(tree, "services"))) {
    if (isTree(service) && service.image !== undefined)
      services[name] = Object.assign(newTree(), { image: service.image });
  }
  return Object.assign(newTree(), { services });
}

function variableLines(project: ComposeProject, format: string): string[] {
  const found = new Map<string, ReturnType<typeof namedVariables>[number]>();
  const visit = (value: Value): void => {
    if (typeof value === "string")
      for (const variable of namedVariables(value)) found.set(variable.name, found.get(variable.name) ?? variable);
    else if (typeof value === "object" && value !== null) for (const item of Object.values(value)) visit(item as Value);
  };
  visit(project.tree);
  const rows = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (format === "json") {
    const shown = rows.map((row) => [
      row.name,
      { Name: row.name, DefaultValue: row.byDefault, PresenceValue: row.whenSet, Required: row.isRequired },
    ]);
    // docker compose ends it with an empty line.
    return [JSON.stringify(Object.fromEntries(shown), null, 4), ""];
  }
  if (format !== "" && format !== "table")
    throw new CliError(`--variables is printed as a table or as json, not as ${JSON.stringify(format)}`);
  return tabTable([
    ["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"],
    ...rows.map((row) => [row.name, String(row.isRequired), row.byDefault, row.whenSet]),
  ]);
}
