import { CliError } from "../cli-error.ts";
import { exactArgs } from "../command.ts";
import { command as copyFiles } from "../commands/cp.ts";
import { splitContainerPath } from "../copy/copy-paths.ts";
import { bool, int } from "../flag-types.ts";
import { type ComposeContext, defineComposeCommand } from "./declaration.ts";
import { findServiceContainer, listProjectContainers, nameOf } from "./project-containers.ts";

const { archive, "follow-link": followLink } = copyFiles.flags;

export const command = defineComposeCommand({
  usage: "[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\n\tdocker compose cp [OPTIONS] SRC_PATH|- SERVICE:DEST_PATH",
  summary: "Copy files into a service's containers or out of one",
  args: exactArgs(2),
  dryRun: "tells",
  flags: {
    all: bool("Those that 'run' made too"),
    archive,
    "follow-link": followLink,
    index: int("Which of the service's containers (default: into all, out of the first)"),
  },
  async run({ flags, args: [source = "", destination = ""], given, context }) {
    const from = splitContainerPath(source);
    const to = splitContainerPath(destination);
    if (from.container && to.container) throw new CliError("copying between services is not supported");
    const service = from.container || to.container;
    if (!service) throw new CliError("unknown copy direction: name a service, as SERVICE:PATH, on one side");
    const { index, all } = flags;
    const containers = await containersOf(context, service, { index, all, isSource: Boolean(from.container) });
    if (source === "-" && containers.length > 1) {
      throw new CliError(
        `standard input can go into one container only, ${service} has ${containers.length}: add --index`,
      );
    }
    for (const container of containers) {
      const args = from.container ? [`${container}:${from.path}`, destination] : [source, `${container}:${to.path}`];
      if (context.isDryRun) context.print(`Would copy ${args[0]} to ${args[1]}\n`);
      else {
        const options = { archive: flags.archive, "follow-link": flags["follow-link"], quiet: true };
        await copyFiles.run({ flags: options, args, given: (flag) => flag !== "quiet" && given(flag), context });
      }
    }
  },
});

/** Out of one container, into all of the service's. Throws CliError when there is none. */
async function containersOf(
  context: ComposeContext,
  service: string,
  { index, all, isSource }: { index: number; all: boolean; isSource: boolean },
): Promise<string[]> {
  const name = await context.projectName();
  const client = await context.client();
  const oneOffs = all ? "include" : "exclude";
  const found = await listProjectContainers(client, name, { all: true, oneOffs, services: [service] });
  if (found.length === 0) throw new CliError(`no container found for service ${JSON.stringify(service)}`);
  if (index > 0 || isSource) return [nameOf(await findServiceContainer(client, name, service, { index, all: true }))];
  return found.map(nameOf);
}
