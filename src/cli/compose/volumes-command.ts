import { LABELS } from "../../compose/labels.ts";
import type { Volume } from "../../model/volume.ts";
import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { bool, format } from "../flag-types.ts";
import { printRows } from "../format.ts";
import { byNaturalOrder } from "../rows/row-text.ts";
import { VOLUME_KIND, volumeRow } from "../rows/volume-row.ts";
import { defineComposeCommand } from "./declaration.ts";
import { listProjectContainers } from "./project-containers.ts";
import { servicesOf } from "./project-services.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Show the project's volumes",
  args: minArgs(0),
  dryRun: "reads",
  flags: { format: format(), quiet: bool("Names only", { short: "q" }) },
  async run({ flags, args, context }) {
    const { name, project } = await context.projectOrName();
    for (const service of args) {
      if (project && !servicesOf(project)[service]) throw new CliError(`no such service: ${service}`);
    }
    const client = await context.client();
    const { Volumes } = await client.get<{ Volumes: Volume[] | null }>("/volumes", {
      query: { filters: { label: [`${LABELS.project}=${name}`] } },
    });
    let volumes = Volumes ?? [];
    if (args.length > 0) {
      const containers = await listProjectContainers(client, name, { all: true, services: args });
      const used = new Set(containers.flatMap(({ Mounts }) => Mounts.map((mount) => mount.Name)));
      volumes = volumes.filter((volume) => used.has(volume.Name));
    }
    const rows = volumes.map(volumeRow).sort((a, b) => byNaturalOrder(a.Name, b.Name));
    printRows(context, VOLUME_KIND, rows, { format: flags.format, quiet: flags.quiet });
  },
});
