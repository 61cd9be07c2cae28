import { CliError } from "../cli-error.ts";
import { ApiError } from "../client.ts";
import { defineCommand, minArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";

const HTTP_NOT_FOUND = 404;

export const command = defineCommand({
  usage: "NETWORK [NETWORK...]",
  summary: "Remove networks",
  aliases: ["network rm", "network remove"],
  args: minArgs(1),
  flags: { force: bool("It is fine when there is no such network", { short: "f" }) },
  async run({ flags, args, context }) {
    const client = await context.client();
    let hasFailed = false;
    for (const name of args) {
      try {
        await client.delete(objectPath("network", name));
        context.print(`${name}\n`);
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        if (flags.force && error instanceof ApiError && error.status === HTTP_NOT_FOUND) continue;
        context.printError(`${error.message}\n`);
        hasFailed = true;
      }
    }
    if (hasFailed) throw new CliError("exit status 1");
  },
});
