import { CliError } from "../cli-error.ts";
import { defineCommand, minArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";

export const command = defineCommand({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  summary: "Remove volumes",
  description: "Remove volumes. One that a container uses stays.",
  aliases: ["volume rm", "volume remove"],
  args: minArgs(1),
  flags: { force: bool("It is fine when there is no such volume", { short: "f" }) },
  async run({ flags, args, context }) {
    const client = await context.client();
    const failures: string[] = [];
    for (const name of args) {
      try {
        await client.delete(objectPath("volume", name), { query: { force: flags.force } });
        context.print(`${name}\n`);
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        failures.push(error.message);
      }
    }
    if (failures.length > 0) throw new CliError(failures.join("\n"));
  },
});
