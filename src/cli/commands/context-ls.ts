import { contextName } from "../client-facts.ts";
import { defineCommand, noArgs } from "../command.ts";
import { HOST_WARNING, openContexts } from "../contexts.ts";
import { bool, format } from "../flag-types.ts";
import { printRows, type RowKind } from "../format.ts";
import { rowFields } from "../rows/row-fields.ts";
import { ellipsis } from "../rows/row-text.ts";

const ERROR_COLUMNS = 45;

interface ContextRow {
  Name: string;
  Description: string;
  DockerEndpoint: string;
  Current: boolean;
  Error: string;
}

const KIND: RowKind<ContextRow> = {
  typeName: "*formatter.clientContextContext",
  fields: rowFields({
    Name: "NAME",
    Description: "DESCRIPTION",
    DockerEndpoint: "DOCKER ENDPOINT",
    Current: "",
    Error: "ERROR",
  }),
  table: "{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}",
  quiet: "{{.Name}}",
};

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Show contexts",
  aliases: ["context ls", "context list"],
  args: noArgs,
  flags: { format: format(), quiet: bool("Names only", { short: "q" }) },
  async run({ flags, context }) {
    const current = await contextName(context);
    const contexts = await openContexts(context).listContexts();
    const rows = contexts.map(({ Name, Metadata, Endpoints }) => ({
      Name,
      Description: Metadata.Description ?? "",
      DockerEndpoint: Endpoints.docker?.Host ?? "",
      Current: Name === current,
      Error: "",
    }));
    if (!contexts.some(({ Name }) => Name === current)) {
      const failure = ellipsis(`context "${current}": context not found`, ERROR_COLUMNS);
      rows.push({ Name: current, Description: "", DockerEndpoint: "", Current: true, Error: failure });
    }
    printRows(context, KIND, rows, { format: flags.format, quiet: flags.quiet });
    if (process.env.DOCKER_HOST) context.printError(HOST_WARNING);
  },
});
