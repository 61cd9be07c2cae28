import { LABELS } from "../../compose/labels.ts";
import type { ContainerSummary } from "../../model/container.ts";
import { CliError } from "../cli-error.ts";
import { noArgs } from "../command.ts";
import { bool, filter, string } from "../flag-types.ts";
import { byCodePoint } from "../rows/row-text.ts";
import { defineComposeCommand } from "./declaration.ts";
import { tabTable } from "./tab-table.ts";
import { checkTableOrJson } from "./table-format.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS]",
  summary: "Show the projects that run",
  args: noArgs,
  dryRun: "reads",
  flags: {
    all: bool("Those that do not run too", { short: "a" }),
    filter: filter("Only those that fit: name=PATTERN", { short: undefined }),
    format: string("table or json", { initial: "table" }),
    quiet: bool("Names only", { short: "q" }),
  },
  async run({ flags, context }) {
    checkTableOrJson(flags.format);
    const names = patterns(flags.filter);
    const client = await context.client();
    const containers = await client.get<ContainerSummary[]>("/containers/json", {
      query: { all: flags.all, filters: { label: [LABELS.project, LABELS.configHash] } },
    });
    const projects = [...Map.groupBy(containers, ({ Labels }) => Labels[LABELS.project] ?? "")]
      .filter(([name]) => names.length === 0 || names.some((pattern) => pattern.test(name)))
      .sort(([a], [b]) => byCodePoint(a, b))
      .map(([name, group]) => ({ Name: name, Status: statusText(group), ConfigFiles: filesText(group) }));
    if (flags.quiet) context.print(projects.map(({ Name }) => `${Name}\n`).join(""));
    else if (flags.format === "json") context.print(`${JSON.stringify(projects)}\n`);
    else {
      const rows = projects.map(({ Name, Status, ConfigFiles }) => [Name, Status, ConfigFiles]);
      context.print(`${tabTable([["NAME", "STATUS", "CONFIG FILES"], ...rows]).join("\n")}\n`);
    }
  },
});

function patterns(filters: Record<string, string[]>): RegExp[] {
  for (const key of Object.keys(filters)) {
    if (key !== "name") throw new CliError(`unknown filter ${JSON.stringify(key)}: there is name=PATTERN`);
  }
  return (filters.name ?? []).map((text) => {
    try {
      return new RegExp(text);
    } catch (error) {
      throw new CliError(`--filter name=${text}: ${(error as Error).message}`);
    }
  });
}

/** `exited(1), running(2)` */
function statusText(containers: readonly ContainerSummary[]): string {
  return [...Map.groupBy(containers, ({ State }) => State)]
    .map(([state, group]) => `${state}(${group.length})`)
    .sort()
    .join(", ");
}

function filesText(containers: readonly ContainerSummary[]): string {
  const files = containers.flatMap(({ Labels }) => (Labels[LABELS.configFiles] ?? "").split(",")).filter(Boolean);
  return files.length === 0 ? "N/A" : [...new Set(files)].join(",");
}
