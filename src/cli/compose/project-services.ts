import { isTree, newTree, type Tree } from "../../compose/document.ts";
import type { ComposeProject } from "../../compose/load-project.ts";
import { CliError } from "../cli-error.ts";

/** The enabled services of a project, by name. */
export function servicesOf(project: ComposeProject): Record<string, Tree> {
  return (isTree(project.tree.services) ? project.tree.services : newTree()) as Record<string, Tree>;
}

/** One service. Throws CliError when the project has none of that name. */
export function serviceOf(project: ComposeProject, name: string): Tree {
  const service = servicesOf(project)[name];
  if (service === undefined) throw new CliError(`no such service: ${name}`);
  return service;
}
