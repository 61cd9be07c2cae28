import type { ComposeProject } from "../../../compose/load-project.ts";
import type { ComposeContext } from "../declaration.ts";
import { servicesOf } from "../project-services.ts";

/** What services get from elsewhere: the engine's socket, models, and what providers tell. */
export interface SuppliedProject {
  project: ComposeProject;
  /** Services that a program provides in the place of containers; `project` is without them. */
  provided: readonly string[];
}

/** What supplying services needs to know. */
export interface SupplyWishes {
  /** Only these services' providers are called; none means all. */
  providers: readonly string[];
  signal?: AbortSignal;
}

/**
 * Gives services what they want from outside Compose (`use_api_socket`, `models`, `provider`). Programs that provide it are run, unless
 * nothing may be changed. Throws CliError where somebody has to install or name something first.
 */
export async function supplyServices(
  context: ComposeContext,
  project: ComposeProject,
  wishes: SupplyWishes,
): Promise<SuppliedProject> {
  const services = Object.values(servicesOf(project));
  let supplied: SuppliedProject = { project, provided: [] };
  if (services.some(({ use_api_socket }) => use_api_socket === true)) {
    const { withApiSocket } = await import("./api-socket.ts");
    supplied = { ...supplied, project: await withApiSocket(context, supplied.project) };
  }
  if (services.some(({ models }) => models !== undefined)) {
    const { withModels } = await import("./models.ts");
    supplied = { ...supplied, project: await withModels(context, supplied.project, wishes.signal) };
  }
  if (services.some(({ provider }) => provider !== undefined)) {
    const { withProviders } = await import("./providers.ts");
    supplied = await withProviders(context, supplied.project, wishes);
  }
  return supplied;
}
