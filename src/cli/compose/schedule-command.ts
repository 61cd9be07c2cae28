import type { AutomationStatus, ScheduledRun, ScheduleStatus } from "../../compose/automation/contract.ts";
import { humanDuration } from "../../lib/human-duration.ts";
import { CliError } from "../cli-error.ts";
import { rangeArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { type ComposeContext, defineComposeCommand } from "./declaration.ts";
import { tabTable } from "./tab-table.ts";
import { checkTableOrJson } from "./table-format.ts";

const ACTIONS = ["ls", "history", "run"];

export const command = defineComposeCommand({
  usage: "[OPTIONS] [ls | history SERVICE | run SERVICE]",
  summary: "Show when scheduled services run and how it went, or run one now",
  args: rangeArgs(0, 2),
  dryRun: "tells",
  flags: {
    all: bool("Of all projects", { short: "a" }),
    format: string("table or json", { initial: "table" }),
  },
  async run({ flags, args: [action = "ls", service], context }) {
    checkTableOrJson(flags.format);
    if (!ACTIONS.includes(action)) throw new CliError(`schedule ${action}: there are ${ACTIONS.join(", ")}`);
    if (action === "ls" && service !== undefined) throw new CliError("schedule ls takes no service: use 'history'");
    if (action !== "ls" && service === undefined) throw new CliError(`schedule ${action} wants the name of a service`);
    const client = await context.client();
    if (action === "run") {
      if (context.isDryRun) return context.print(`Would run ${service} now\n`);
      const name = encodeURIComponent(await context.projectName());
      await client.post(`/naru/compose/${name}/run`, { query: { service } });
      return;
    }
    const project = flags.all ? undefined : await context.projectName();
    const { schedules } = await client.get<AutomationStatus>("/naru/compose", { query: { project } });
    if (action === "ls") printSchedules(context, schedules, flags.format);
    else printHistory(context, schedules, service!, flags.format);
  },
});

function printSchedules(context: ComposeContext, schedules: readonly ScheduleStatus[], format: string): void {
  if (format === "json") {
    context.print(schedules.map((schedule) => `${JSON.stringify(schedule)}\n`).join(""));
    return;
  }
  const rows = schedules.map((schedule) => [
    ...[schedule.project, schedule.service, schedule.cron.join(", "), schedule.zone],
    schedule.nextAt === undefined ? "never" : `in ${humanDuration(Date.parse(schedule.nextAt) - Date.now())}`,
    lastText(schedule.runs.at(-1)),
  ]);
  context.print(`${tabTable([["PROJECT", "SERVICE", "SCHEDULE", "TIME ZONE", "NEXT", "LAST"], ...rows]).join("\n")}\n`);
}

function lastText(run: ScheduledRun | undefined): string {
  if (run === undefined) return "none yet";
  return `${outcomeText(run)} ${humanDuration(Date.now() - Date.parse(run.endedAt ?? run.at))} ago`;
}

const outcomeText = ({ outcome, exitCode }: ScheduledRun) => (exitCode ? `${outcome} (${exitCode})` : outcome);

function printHistory(
  context: ComposeContext,
  schedules: readonly ScheduleStatus[],
  service: string,
  format: string,
): void {
  const found = schedules.filter((schedule) => schedule.service === service);
  if (found.length === 0)
    throw new CliError(`service ${service} has no schedule that the daemon knows: was it brought up?`);
  const runs = found.flatMap((schedule) => schedule.runs).toReversed();
  if (format === "json") {
    context.print(runs.map((run) => `${JSON.stringify(run)}\n`).join(""));
    return;
  }
  const rows = runs.map((run) => {
    const tookMs = run.endedAt === undefined ? undefined : Date.parse(run.endedAt) - Date.parse(run.at);
    const took = tookMs === undefined || run.outcome === "missed" ? "" : `${(tookMs / 1000).toFixed(1)}s`;
    return [run.at, took, outcomeText(run), run.reason ?? ""];
  });
  context.print(`${tabTable([["STARTED", "TOOK", "OUTCOME", "REASON"], ...rows]).join("\n")}\n`);
}
