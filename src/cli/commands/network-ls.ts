import type { Network } from "../../model/network.ts";
import { defineCommand, noArgs } from "../command.ts";
import { bool, filter, format } from "../flag-types.ts";
import { printRows } from "../format.ts";
import { NETWORK_KIND, networkRow } from "../rows/network-row.ts";
import { byNaturalOrder } from "../rows/row-text.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Show networks",
  aliases: ["network ls", "network list"],
  args: noArgs,
  flags: {
    filter: filter('Provide filter values (e.g. "driver=bridge")'),
    format: format(),
    "no-trunc": bool("Show whole ids and texts"),
    quiet: bool("Ids only", { short: "q" }),
  },
  async run({ flags, context }) {
    const { quiet } = flags;
    const chosen = flags.format || (quiet ? "" : ((await context.config()).networksFormat ?? ""));
    const client = await context.client();
    const networks = await client.get<Network[]>("/networks", { query: { filters: flags.filter } });
    networks.sort((a, b) => byNaturalOrder(a.Name, b.Name));
    const rows = networks.map((network) => networkRow(network, !flags["no-trunc"]));
    printRows(context, NETWORK_KIND, rows, { format: chosen, quiet });
  },
});
