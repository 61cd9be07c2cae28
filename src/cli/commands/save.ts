import { defineCommand, minArgs } from "../command.ts";
import { string } from "../flag-types.ts";
import { platformQuery } from "../platform.ts";
import { checkOutputPath, refuseTerminal, saveStream } from "../save-stream.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  summary: "Write images as a tar, to standard output unless told otherwise",
  aliases: ["image save", "save"],
  args: minArgs(1),
  flags: {
    output: string("Write to this file rather than standard output", { short: "o" }),
    platform: string('Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")'),
  },
  async run({ flags, args, context }) {
    const platform = platformQuery(flags.platform);
    refuseTerminal(flags.output);
    if (flags.output !== "") await checkOutputPath(flags.output, "failed to save image");
    const client = await context.client();
    const answer = await client.send("GET", "/images/get", { query: { names: args, platform } });
    await saveStream(answer.chunks(), flags.output);
  },
});
