import { humanSize } from "../../lib/human-size.ts";
import { CliError } from "../cli-error.ts";
import { type ApiClient, ApiError } from "../client.ts";
import { defineCommand, noArgs } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool, filter } from "../flag-types.ts";
import { type FilterValues, pruneContainers, pruneImages, pruneNetworks, pruneVolumes } from "../prune.ts";

const HTTP_NOT_IMPLEMENTED = 501;

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Remove what nobody uses",
  args: noArgs,
  flags: {
    all: bool("Every image that no container uses, not only nameless ones", { short: "a" }),
    filter: filter('Provide filter values (e.g. "label=<key>=<value>")', { short: undefined }),
    force: bool("Do not ask first", { short: "f" }),
    volumes: bool("Unnamed volumes too"),
  },
  async run({ flags, context }) {
    const { all, volumes, filter: filters } = flags;
    if (volumes && filters.until) throw new CliError('ERROR: The "until" filter is not supported with "--volumes"');
    if (!flags.force && !confirm(context, systemPruneQuestion(all, volumes, filters))) return;
    const client = await context.client();
    const steps = [
      () => pruneContainers(client, filters),
      () => pruneNetworks(client, filters),
      ...(volumes ? [() => pruneVolumes(client, filters)] : []),
      () => pruneImages(client, filters, all),
      () => pruneBuildCache(client, filters, all),
    ];
    let reclaimedBytes = 0;
    for (const step of steps) {
      const report = await step();
      reclaimedBytes += report.reclaimedBytes;
      if (report.text !== "") context.print(`${report.text}\n`);
    }
    context.print(`Total reclaimed space: ${humanSize(reclaimedBytes)}\n`);
  },
});

/** A daemon without a builder has no cache to prune. */
async function pruneBuildCache(client: ApiClient, filters: FilterValues, all: boolean) {
  try {
    const report = await client.post<{ CachesDeleted: string[] | null; SpaceReclaimed: number }>("/build/prune", {
      query: { all, filters },
    });
    const ids = report.CachesDeleted ?? [];
    const text = ids.length === 0 ? "" : `Deleted build cache objects:\n${ids.map((id) => `${id}\n`).join("")}`;
    return { text, reclaimedBytes: report.SpaceReclaimed };
  } catch (error) {
    if (error instanceof ApiError && error.status === HTTP_NOT_IMPLEMENTED) return { text: "", reclaimedBytes: 0 };
    throw error;
  }
}

/** What the user is asked before data goes. */
export function systemPruneQuestion(all: boolean, volumes: boolean, filters: FilterValues): string {
  const items = [
    "all stopped containers",
    "all networks not used by at least one container",
    ...(volumes ? ["all anonymous volumes not used by at least one container"] : []),
    all ? "all images without at least one container associated to them" : "all dangling images",
    all ? "all build cache" : "unused build cache",
  ];
  const filterLines = Object.entries(filters)
    .flatMap(([name, values]) => values.map((value) => `${name}=${value}`))
    .sort();
  const bullets = (lines: string[]) => lines.map((line) => `  - ${line}\n`).join("");
  const filterPart =
    filterLines.length === 0 ? "" : `\n  Items to be pruned will be filtered with:\n${bullets(filterLines)}`;
  return `WARNING! This will remove:\n${bullets(items)}${filterPart}\nAre you sure you want to continue?`;
}
