import { defineCommand, forEachName, minArgs } from "../command.ts";
import { string } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "End running containers at once",
  aliases: ["container kill", "kill"],
  args: minArgs(1),
  flags: { signal: string("Signal to send", { short: "s" }) },
  async run({ flags, args, context }) {
    const client = await context.client();
    const query = { signal: flags.signal || undefined };
    await forEachName(context, args, (name) => client.post(`${objectPath("container", name)}/kill`, { query }));
  },
});
