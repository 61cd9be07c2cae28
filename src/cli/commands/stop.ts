import { defineCommand, forEachName, minArgs } from "../command.ts";
import { aliasOf, int, string } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Stop running containers",
  aliases: ["container stop", "stop"],
  args: minArgs(1),
  flags: {
    signal: string("Signal to send", { short: "s" }),
    time: { ...aliasOf("timeout", "int"), deprecated: "use --timeout instead" },
    timeout: int("Seconds before it is killed", { short: "t" }),
  },
  async run({ flags, args, given, context }) {
    const client = await context.client();
    const query = { signal: flags.signal || undefined, t: given("timeout") ? flags.timeout : undefined };
    await forEachName(context, args, (name) => client.post(`${objectPath("container", name)}/stop`, { query }));
  },
});
