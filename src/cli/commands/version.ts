import { compileTemplate, type Template } from "../../lib/go-template/template.ts";
import { GoNil, GoStruct } from "../../lib/go-template/values.ts";
import { API_VERSION } from "../../lib/version.ts";
import { CliError } from "../cli-error.ts";
import { clientVersion } from "../client-facts.ts";
import { type CommandContext, defineCommand, noArgs } from "../command.ts";
import { inspectFormat } from "../flag-types.ts";
import { typedView } from "../typed-view.ts";
import { type ClientVersion, completeServerVersion, type ServerVersion, versionText } from "../version-report.ts";

const BAD_TEMPLATE_EXIT_CODE = 64;

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Show the versions of client and daemon",
  args: noArgs,
  flags: { format: inspectFormat() },
  async run({ flags, context }) {
    const template = flags.format === "" ? undefined : parse(flags.format);
    const { server, failure, apiVersion } = await askServer(context);
    const client = await clientVersion(context, apiVersion);
    if (template) printFormatted(context, template, client, server);
    else context.print(versionText(client, server));
    if (failure) throw failure;
  },
});

async function askServer(context: CommandContext) {
  try {
    const client = await context.client();
    const server = completeServerVersion(await client.get<ServerVersion>("/version"));
    return { server, apiVersion: client.apiVersion };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { failure: error, apiVersion: API_VERSION };
  }
}

function parse(format: string): Template {
  try {
    return compileTemplate(format === "json" ? "{{json .}}" : format, { name: "version" });
  } catch (error) {
    throw new CliError(`template parsing error: ${(error as Error).message}`, BAD_TEMPLATE_EXIT_CODE);
  }
}

function printFormatted(
  context: CommandContext,
  template: Template,
  client: ClientVersion,
  server: ServerVersion | undefined,
): void {
  const view = new GoStruct("system.versionInfo", {
    Client: typedView({ ...client }, "system", "Client"),
    Server: server ? typedView(server, "system", "Server") : new GoNil("pointer"),
  });
  let text: string;
  try {
    text = template.execute(view);
  } catch (error) {
    context.print("\n");
    throw new CliError((error as Error).message);
  }
  context.print(`${text}\n`);
}
