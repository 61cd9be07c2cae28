import { compileTemplate, type Template } from "../../lib/go-template/template.ts";
import { GoStruct } from "../../lib/go-template/values.ts";
import { CliError } from "../cli-error.ts";
import { clientVersion } from "../client-facts.ts";
import { type CommandContext, defineCommand, noArgs } from "../command.ts";
import { inspectFormat } from "../flag-types.ts";
import { clientInfoText, type SystemInfo, serverInfoText } from "../info-report.ts";
import { parseJsonExactly } from "../inspect.ts";
import { typedView } from "../typed-view.ts";

const BAD_TEMPLATE_EXIT_CODE = 64;

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Show what the daemon and this machine are",
  aliases: ["system info", "info"],
  args: noArgs,
  flags: { format: inspectFormat() },
  async run({ flags, context }) {
    if (flags.format === "") {
      const { info, failure } = await askServer(context);
      await printReport(context, info);
      if (failure) throw failure;
      return;
    }
    const template = parse(flags.format);
    if (await printClientPart(context, template, flags.format)) return;
    const { info, failure } = await askServer(context);
    printFormatted(context, template, await view(context, info), failure);
    if (failure) throw failure;
  },
});

/** Prints what a template wants of the client alone, without a daemon. Resolves to whether that was all it wanted. */
async function printClientPart(context: CommandContext, template: Template, format: string): Promise<boolean> {
  if (!format.includes(".ClientInfo")) return false;
  const { ClientInfo } = (await view(context, undefined)).fields;
  try {
    context.print(`${template.execute(new GoStruct("system.dockerInfo", { ClientInfo }))}\n`);
    return true;
  } catch {
    return false; // it names fields of the daemon, or none that exists, which the whole view tells
  }
}

async function askServer(context: CommandContext): Promise<{ info?: SystemInfo; failure?: CliError }> {
  try {
    const client = await context.client();
    const answer = await client.send("GET", "/info");
    return { info: parseJsonExactly(await answer.text()) as SystemInfo };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { failure: error };
  }
}

async function printReport(context: CommandContext, info: SystemInfo | undefined): Promise<void> {
  const client = await clientVersion(context);
  const head = clientInfoText({ version: client.Version, context: client.Context, debug: isDebug() });
  context.print(`${head}\n${info ? `${serverInfoText(info)}\n` : "Server:\n"}`);
  for (const warning of info?.Warnings ?? []) context.printError(`${warning}\n`);
}

function parse(format: string): Template {
  try {
    return compileTemplate(format === "json" ? "{{json .}}" : format);
  } catch (error) {
    throw new CliError(`template parsing error: ${(error as Error).message}`, BAD_TEMPLATE_EXIT_CODE);
  }
}

async function view(context: CommandContext, info: SystemInfo | undefined): Promise<GoStruct> {
  const { ApiVersion: _, ...client } = await clientVersion(context);
  const clientInfo = { Debug: isDebug(), ...client, Plugins: [], Warnings: null };
  const typed = typedView(info ?? { ID: "" }, "system") as GoStruct;
  const ClientInfo = typedView(clientInfo, "system", "ClientInfo");
  return new GoStruct("system.dockerInfo", { ...typed.fields, ClientInfo }, typed.notInJson, typed.otherNames);
}

/** Throws CliError for a field that does not exist, or the failure that made it so. */
function printFormatted(context: CommandContext, template: Template, data: GoStruct, failure?: CliError): void {
  let text: string;
  try {
    text = template.execute(data);
  } catch (error) {
    context.print("\n");
    throw failure ?? new CliError((error as Error).message);
  }
  context.print(`${text}\n`);
}

function isDebug(): boolean {
  return Boolean(process.env.DEBUG);
}
