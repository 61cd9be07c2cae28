import type { SearchResult } from "../../distribution/contract.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { bool, filter, format, int } from "../flag-types.ts";
import { printRows } from "../format.ts";
import { registryAuthHeader } from "../registry-auth.ts";
import { SEARCH_KIND, searchRow } from "../rows/search-row.ts";

export const command = defineCommand({
  usage: "[OPTIONS] TERM",
  summary: "Search registries for images",
  description:
    "Search Docker Hub for images, or another registry where the term begins with its host (HOST[:PORT]/TERM).",
  args: exactArgs(1),
  flags: {
    filter: filter("Show only what fits: is-official=BOOL, stars=NUMBER"),
    format: format(),
    limit: int("Greatest number of results, 1 to 100"),
    "no-trunc": bool("Show whole descriptions"),
  },
  async run({ flags, args: [term = ""], context }) {
    const client = await context.client();
    const results = await client.get<SearchResult[]>("/images/search", {
      query: { term, filters: flags.filter, limit: flags.limit > 0 ? flags.limit : undefined },
      headers: await registryAuthHeader(await context.config(), { familiarName: term }),
    });
    const view = { isShort: !flags["no-trunc"], isJson: flags.format === "json" };
    const rows = results.map((result) => searchRow(result, view));
    printRows(context, SEARCH_KIND, rows, { format: flags.format });
  },
});
