import { COMPOSE_VERSION } from "../../compose/version.ts";
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
    const isDocker = context.program === "docker";
    const version = isDocker ? COMPOSE_VERSION : NARU_VERSION;
    if (flags.short) context.print(`${version}\n`);
    else if (flags.format === "json") context.print(`${JSON.stringify({ version })}\n`);
    else if (flags.format === "" || flags.format === "pretty") {
      context.print(
        `${isDocker ? `Docker Compose version ${version}, naru ${NARU_VERSION}` : `naru compose version ${version}`}\n`,
      );
    } else throw new CliError(`unsupported format ${JSON.stringify(flags.format)}: use pretty or json`);
  },
});
