import { newTree, type Tree, type Value } from "../../../compose/document.ts";
import type { ComposeProject } from "../../../compose/load-project.ts";
import { mappingOf } from "../../../compose/short-forms.ts";
import { servicesOf } from "../project-services.ts";

/** The project with other services; one that `change` gives nothing for is left out. */
export function changedProject(
  project: ComposeProject,
  change: (service: Tree, name: string) => Tree | undefined,
  more: Tree = newTree(),
): ComposeProject {
  const services = newTree();
  for (const [name, service] of Object.entries(servicesOf(project))) {
    const changed = change(service, name);
    if (changed !== undefined) services[name] = changed;
  }
  return { ...project, tree: Object.assign(newTree(), project.tree, more, { services }) };
}

/** The service with some keys set anew. */
export const withKeys = (service: Tree, keys: Record<string, Value>): Tree => Object.assign(newTree(), service, keys);

/** The service with more variables in its environment. */
export function withVariables(service: Tree, variables: Readonly<Record<string, string>>): Tree {
  return withKeys(service, { environment: Object.assign(newTree(), mappingOf(service.environment), variables) });
}
