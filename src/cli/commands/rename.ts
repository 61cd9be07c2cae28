import { CliError } from "../cli-error.ts";
import { ApiError } from "../client.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { objectPath } from "../object-path.ts";

export const command = defineCommand({
  usage: "CONTAINER NEW_NAME",
  summary: "Give a container another name",
  aliases: ["container rename", "rename"],
  args: exactArgs(2),
  flags: {},
  async run({ args, context }) {
    const [from = "", to = ""] = args.map((name) => name.trim());
    if (from === "" || to === "") throw new CliError("Error: Neither old nor new names may be empty");
    const client = await context.client();
    try {
      await client.post(`${objectPath("container", from)}/rename`, { query: { name: to } });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw new CliError(`${error.message}\nError: failed to rename container named ${from}`);
    }
  },
});
