import type { ContainerSummary } from "../../model/container.ts";
import { type CommandContext, defineCommand, noArgs } from "../command.ts";
import { bool, filter, format, int } from "../flag-types.ts";
import type { FlagValues } from "../flags.ts";
import { containerKind, containerRow } from "../rows/container-row.ts";
import { containerTable } from "../rows/container-table.ts";

/** `ps` tries its template before it asks the daemon, and complains in words of its own. */
const COMPLAINTS = { parse: "failed to parse template", execute: "failed to execute template" };

/** Tried with the template first, so that a wrong one fails also when there are no containers. */
const SAMPLE: ContainerSummary = {
  Id: "",
  Names: [],
  Image: "",
  ImageID: "",
  Command: "",
  Created: 0,
  Ports: [],
  Labels: {},
  State: "created",
  Status: "",
  HostConfig: { NetworkMode: "" },
  NetworkSettings: { Networks: {} },
  Mounts: [],
};

const flags = {
  all: bool("Those that do not run too", { short: "a" }),
  filter: filter("Show only what fits, as key=value"),
  format: format(),
  last: int("Only the last N made, running or not", { short: "n", initial: -1 }),
  latest: bool("Only the last one made, running or not", { short: "l" }),
  "no-trunc": bool("Show whole ids and texts"),
  quiet: bool("Ids only", { short: "q" }),
  size: bool("Show how large containers are", { short: "s" }),
};

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Show containers",
  aliases: ["container ls", "container list", "container ps", "ps"],
  args: noArgs,
  flags,
  async run({ flags: values, context }) {
    await listContainers(context, values);
  },
});

async function listContainers(context: CommandContext, values: FlagValues<typeof flags>): Promise<void> {
  const { quiet } = values;
  if (quiet && values.format !== "") {
    context.printError("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
  }
  const chosen = quiet ? "" : values.format || ((await context.config()).psFormat ?? "");
  const truncate = !values["no-trunc"];
  if (!quiet && !values.size && (chosen === "" || chosen === "table")) {
    await context.printOnly(containerTable(await askForContainers(context, values, false), truncate));
    return;
  }
  // Not loaded for the default table, by far the most usual wish.
  const { printRows, rowsText } = await import("../format.ts");
  const kind = containerKind(values.size);
  const options = { format: chosen, quiet, complaints: COMPLAINTS };
  const tried = values.format || chosen;
  if (tried !== "") rowsText(kind, [containerRow(SAMPLE, true)], { ...options, format: tried, quiet: false });
  // the daemon counts sizes only when asked: it must walk the container's files
  const size = values.size || (!quiet && /\.Size\b|\{\{\s*json\s+\.\s*\}\}/.test(chosen));
  const containers = await askForContainers(context, values, size);
  const rows = containers.map((container) => containerRow(container, truncate));
  printRows(context, kind, rows, options);
}

async function askForContainers(
  context: CommandContext,
  { all, last, latest, filter }: FlagValues<typeof flags>,
  size: boolean,
): Promise<ContainerSummary[]> {
  const limit = latest && last === -1 ? 1 : last;
  const client = await context.client();
  const containers = await client.get<ContainerSummary[] | null>("/containers/json", {
    query: { all, limit: limit > 0 ? limit : undefined, size, filters: filter },
  });
  return containers ?? []; // other engines say null
}
