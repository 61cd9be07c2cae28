import { compileTemplate, type Template } from "../../lib/go-template/template.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, noArgs } from "../command.ts";
import { type EventJson, eventJson, eventLine, eventView } from "../event-line.ts";
import { filter, inspectFormat, string } from "../flag-types.ts";
import { parseJsonExactly } from "../inspect.ts";
import { textLines } from "../text-lines.ts";
import { parseTimestamp } from "../timestamp.ts";

const BAD_TEMPLATE_EXIT_CODE = 64;

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Show what the daemon does, as it happens",
  aliases: ["system events", "events"],
  args: noArgs,
  flags: {
    filter: filter("Show only what fits, as key=value"),
    format: inspectFormat({ short: undefined }),
    since: string("Begin with the events of that time"),
    until: string("End with the events of that time"),
  },
  async run({ flags, context }) {
    const show = lineMaker(flags.format);
    const query = {
      since: flags.since === "" ? undefined : parseTimestamp(flags.since),
      until: flags.until === "" ? undefined : parseTimestamp(flags.until),
      filters: flags.filter,
    };
    const client = await context.client();
    const answer = await client.send("GET", "/events", { query });
    for await (const line of textLines(answer.chunks())) context.print(`${show(line)}\n`);
  },
});

/** How a line of the stream is shown. Throws CliError for a template that cannot be parsed. */
function lineMaker(format: string): (json: string) => string {
  const parse = (json: string) => parseJsonExactly(json) as EventJson;
  if (format === "") return (json) => eventLine(parse(json));
  if (format === "json" || format === "{{json .}}") return (json) => eventJson(parse(json));
  const failure = (error: unknown) =>
    new CliError(`Error parsing format: ${(error as Error).message}`, BAD_TEMPLATE_EXIT_CODE);
  let template: Template;
  try {
    template = compileTemplate(format);
    template.execute(eventView(SAMPLE));
  } catch (error) {
    throw failure(error);
  }
  return (json) => template.execute(eventView(parse(json)));
}

/** Tried before the first real event, so that a wrong template fails at once. */
const SAMPLE: EventJson = {
  Type: "",
  Action: "",
  Actor: { ID: "", Attributes: {} },
  scope: "",
  time: 0,
  timeNano: 0,
};
