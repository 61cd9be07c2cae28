import type { AutomationStatus, AutoscaleStatus } from "../../compose/automation/contract.ts";
import { CliError } from "../cli-error.ts";
import { rangeArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";
import { tabTable } from "./tab-table.ts";
import { checkTableOrJson } from "./table-format.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] [ls | history SERVICE]",
  summary: "Show how services are scaled by their load",
  args: rangeArgs(0, 2),
  dryRun: "reads",
  flags: {
    all: bool("Of all projects", { short: "a" }),
    format: string("table or json", { initial: "table" }),
  },
  async run({ flags, args: [action = "ls", service], context }) {
    checkTableOrJson(flags.format);
    if (action !== "ls" && action !== "history") throw new CliError(`autoscale ${action}: there are ls, history`);
    if ((action === "history") !== (service !== undefined)) {
      throw new CliError("autoscale history wants the name of a service, autoscale ls takes none");
    }
    const client = await context.client();
    const project = flags.all ? undefined : await context.projectName();
    const { autoscales } = await client.get<AutomationStatus>("/naru/compose", { query: { project } });
    const rows = action === "ls" ? stateRows(autoscales) : historyRows(autoscales, service!);
    const objects = action === "ls" ? autoscales : changesOf(autoscales, service!);
    if (flags.format === "json") context.print(objects.map((one) => `${JSON.stringify(one)}\n`).join(""));
    else context.print(`${tabTable(rows).join("\n")}\n`);
  },
});

function stateRows(autoscales: readonly AutoscaleStatus[]): string[][] {
  const rows = autoscales.map(({ project, service, min, max, replicas, load }) => [
    ...[project, service, String(replicas), `${min} to ${max}`, load],
  ]);
  return [["PROJECT", "SERVICE", "REPLICAS", "BOUNDS", "LOAD"], ...rows];
}

function changesOf(autoscales: readonly AutoscaleStatus[], service: string) {
  const found = autoscales.filter((one) => one.service === service);
  if (found.length === 0) throw new CliError(`service ${service} is not scaled by its load here: was it brought up?`);
  return found.flatMap(({ changes }) => changes).toReversed();
}

function historyRows(autoscales: readonly AutoscaleStatus[], service: string): string[][] {
  const rows = changesOf(autoscales, service).map(({ at, from, to, reason }) => [at, `${from} to ${to}`, reason]);
  return [["AT", "REPLICAS", "REASON"], ...rows];
}
