import { CliError } from "../cli-error.ts";
import { ApiError } from "../client.ts";
import { defineCommand, minArgs } from "../command.ts";
import { createContainer, IdFileError, refuseWindowsFlags, withHelpHint } from "../container-create.ts";
import { containerFlags, pullFlag } from "../container-flags.ts";
import { containerRequest } from "../container-request.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: "Make a container without starting it",
  aliases: ["container create", "create"],
  args: minArgs(1),
  interspersed: false,
  flags: { ...containerFlags, pull: pullFlag("creating") },
  async run({ flags, args, given, context }) {
    refuseWindowsFlags(given);
    try {
      const request = containerRequest(flags, given, args, false);
      const id = await createContainer(context, request, { flags, pull: flags.pull });
      context.print(`${id}\n`);
    } catch (error) {
      if (error instanceof ApiError || error instanceof CliError) throw error;
      if (error instanceof IdFileError) throw new CliError(error.message);
      throw withHelpHint(context, "create", error, 125);
    }
  },
});
