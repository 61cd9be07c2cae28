import { CliError } from "../cli-error.ts";
import { defineCommand, minArgs } from "../command.ts";
import { objectPath } from "../object-path.ts";

export const command = defineCommand({
  usage: "CONTAINER [CONTAINER...]",
  summary: "Wait until containers have ended and print their exit codes",
  aliases: ["container wait", "wait"],
  args: minArgs(1),
  flags: {},
  async run({ args, context }) {
    const client = await context.client();
    const failures: string[] = [];
    for (const name of args) {
      try {
        const answer = await client.post<{ StatusCode: number; Error?: { Message: string } | null }>(
          `${objectPath("container", name)}/wait`,
        );
        context.print(`${answer.StatusCode}\n`);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
    if (failures.length > 0) throw new CliError(failures.join("\n"));
  },
});
