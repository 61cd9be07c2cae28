import { LABELS } from "../../compose/labels.ts";
import { GoStruct } from "../../lib/go-template/values.ts";
import type { ContainerSummary } from "../../model/container.ts";
import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { bool, format, list, string } from "../flag-types.ts";
import { printRows, type RowKind } from "../format.ts";
import { containerRow } from "../rows/container-row.ts";
import { rowFields } from "../rows/row-fields.ts";
import { type ComposeContext, defineComposeCommand } from "./declaration.ts";
import { listProjectContainers, nameOf, serviceNameOf } from "./project-containers.ts";
import { servicesOf } from "./project-services.ts";

const STATUSES = ["paused", "restarting", "removing", "running", "dead", "created", "exited"];

const HEADERS: Record<string, string> = {
  ID: "CONTAINER ID",
  Name: "NAME",
  Project: "PROJECT",
  Service: "SERVICE",
  Image: "IMAGE",
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  RunningFor: "CREATED",
  Ports: "PORTS",
  State: "STATE",
  Status: "STATUS",
  Size: "SIZE",
  Labels: "LABELS",
};
/** docker compose has no headers for these. */
const UNTITLED = ["Names", "ExitCode", "Health", "Publishers", "Mounts", "LocalVolumes", "Networks"];

type PsRow = ReturnType<typeof psRow>;
const untitled = Object.fromEntries(
  UNTITLED.map((name) => [name, { value: (row: PsRow) => row[name as keyof PsRow] }]),
);
const KIND: RowKind<PsRow> = {
  typeName: "*formatter.ContainerContext",
  fields: { ...rowFields<PsRow>(HEADERS, ["Label"]), ...untitled },
  table: "{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}",
};

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Show the project's containers",
  args: minArgs(0),
  dryRun: "reads",
  flags: {
    all: bool("Those that do not run too, and those that 'run' made", { short: "a" }),
    filter: string("Only those with a property: status=STATUS"),
    format: format(),
    "no-trunc": bool("Show whole ids and texts"),
    orphans: bool("Those of services that are not in the file any more too", { initial: true }),
    quiet: bool("Ids only", { short: "q" }),
    services: bool("Names of services only"),
    status: list(`Only those in this state: ${STATUSES.join(", ")}`, { type: "stringArray" }),
  },
  async run({ flags, args, context }) {
    const statuses = [...flags.status, ...statusOf(flags.filter)];
    for (const status of statuses) {
      if (!STATUSES.includes(status)) throw new CliError(`unknown status ${status}: there are ${STATUSES.join(", ")}`);
    }
    const { name, services } = await chosenServices(context, args, flags.orphans);
    const client = await context.client();
    const all = flags.all || statuses.length > 0;
    const shown = flags.format || ((await context.config()).psFormat ?? "");
    const found = await listProjectContainers(client, name, { all, oneOffs: all ? "include" : "exclude", services });
    const containers = statuses.length === 0 ? found : found.filter(({ State }) => statuses.includes(State));
    if (flags.quiet)
      return print(
        context,
        containers.map(({ Id }) => Id),
      );
    if (flags.services) return print(context, [...new Set(containers.map(serviceNameOf))]);
    const rows = containers.map((container) => psRow(container, !flags["no-trunc"]));
    printRows(context, KIND, rows, { format: shown });
  },
});

function print(context: ComposeContext, lines: readonly string[]): void {
  context.print(lines.map((line) => `${line}\n`).join(""));
}

function statusOf(filter: string): string[] {
  if (filter === "") return [];
  const [key, value] = filter.split("=", 2);
  if (value === undefined) throw new CliError("arguments to --filter should be in form KEY=VAL");
  if (key === "status") return [value];
  if (key === "source") throw new CliError("--filter source is not supported: name the services instead");
  throw new CliError(`unknown filter ${key}: there is status=STATUS`);
}

/** Without names: all, or without orphans those of the file. */
async function chosenServices(context: ComposeContext, named: readonly string[], withOrphans: boolean) {
  const { name, project } = await context.projectOrName(named);
  if (named.length > 0 || withOrphans || !project) return { name, services: named };
  return { name, services: Object.keys(servicesOf(project)) };
}

/** A container as templates see it; what is costly and seldom asked for stays a getter. */
function psRow(container: ContainerSummary, truncate: boolean) {
  const row = containerRow(container, truncate);
  const fields = composeFields(container, nameOf(container));
  return Object.assign(Object.create(row) as Omit<typeof row, keyof typeof fields>, fields);
}

function composeFields(container: ContainerSummary, name: string) {
  const { Status: status } = container;
  return {
    Name: name,
    Names: name,
    Project: container.Labels[LABELS.project] ?? "",
    Service: serviceNameOf(container),
    ExitCode: Number(/^Exited \((\d+)\)/.exec(status)?.[1] ?? 0),
    Health: /\((healthy|unhealthy|health: starting)\)/.exec(status)?.[1]?.replace("health: ", "") ?? "",
    Publishers: (container.Ports ?? []).map(
      ({ IP = "", PrivatePort, PublicPort = 0, Type }) =>
        new GoStruct("api.PortPublisher", {
          URL: IP,
          TargetPort: PrivatePort,
          PublishedPort: PublicPort,
          Protocol: Type,
        }),
    ),
  };
}
