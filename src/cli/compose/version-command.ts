import { NARU_VERSION } from "../../lib/version.ts";
import { CliError } from "../cli-error.ts";
import { noArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS]",
  summary: "Print the version",
  args: noArgs,
  dryRun: "reads",
  flags: {
    format: string("pretty or json (default: pretty)", { short: "f" }),
    short: bool("Only the version"),
  },
  async run({ flags, context }) {
    if (flags.short) context.print(`${NARU_VERSION}\n`);
    else if (flags.format === "json") context.print(`${JSON.stringify({ version: NARU_VERSION })}\n`);
    else if (flags.format === "" || flags.format === "pretty") context.print(`naru compose version ${NARU_VERSION}\n`);
    else throw new CliError(`unsupported format ${JSON.stringify(flags.format)}: use pretty or json`);
  },
});
