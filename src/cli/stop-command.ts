import { defineCommand, forEachName, minArgs } from "./command.ts";
import { aliasOf, int, string } from "./flag-types.ts";
import { objectPath } from "./object-path.ts";

/** `stop` and `restart`: both end the containers first, with the same flags. */
export const stopCommand = (verb: "stop" | "restart", summary: string) =>
  defineCommand({
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    summary,
    aliases: [`container ${verb}`, verb],
    args: minArgs(1),
    flags: {
      signal: string("Signal to send", { short: "s" }),
      time: { ...aliasOf("timeout", "int"), deprecated: "use --timeout instead" },
      timeout: int("Seconds before it is killed", { short: "t" }),
    },
    async run({ flags, args, given, context }) {
      const client = await context.client();
      const query = { signal: flags.signal || undefined, t: given("timeout") ? flags.timeout : undefined };
      await forEachName(context, args, (name) => client.post(`${objectPath("container", name)}/${verb}`, { query }));
    },
  });
