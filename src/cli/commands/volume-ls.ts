import type { Volume } from "../../model/volume.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, noArgs } from "../command.ts";
import { bool, filter, format } from "../flag-types.ts";
import { printRows } from "../format.ts";
import { byNaturalOrder } from "../rows/row-text.ts";
import { CLUSTER_VOLUME_KIND, VOLUME_KIND, volumeRow } from "../rows/volume-row.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Show volumes",
  aliases: ["volume ls", "volume list"],
  args: noArgs,
  flags: {
    cluster: bool("Show cluster volumes only, in their own layout"),
    filter: filter('Provide filter values (e.g. "dangling=true")'),
    format: format(),
    quiet: bool("Names only", { short: "q" }),
  },
  async run({ flags, given, context }) {
    const { quiet, cluster } = flags;
    if (cluster && given("format")) throw new CliError("--cluster and --format options are mutually exclusive");
    const chosen = flags.format || (quiet || cluster ? "" : ((await context.config()).volumesFormat ?? ""));
    const client = await context.client();
    const { Volumes } = await client.get<{ Volumes: Volume[] | null }>("/volumes", {
      query: { filters: flags.filter },
    });
    // a cluster volume belongs to a swarm; local ones are none
    const volumes = cluster ? [] : [...(Volumes ?? [])].sort((a, b) => byNaturalOrder(a.Name, b.Name));
    printRows(context, cluster ? CLUSTER_VOLUME_KIND : VOLUME_KIND, volumes.map(volumeRow), { format: chosen, quiet });
  },
});
