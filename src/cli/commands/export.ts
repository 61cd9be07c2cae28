import { defineCommand, exactArgs } from "../command.ts";
import { string } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";
import { checkOutputPath, refuseTerminal, saveStream } from "../save-stream.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  summary: "Write a container's files as a tar",
  aliases: ["container export", "export"],
  args: exactArgs(1),
  flags: { output: string("Write to this file rather than standard output", { short: "o" }) },
  async run({ flags: { output }, args: [name = ""], context }) {
    refuseTerminal(output);
    if (output !== "") await checkOutputPath(output, "failed to export container");
    const client = await context.client();
    const answer = await client.send("GET", `${objectPath("container", name)}/export`);
    await saveStream(answer.chunks(), output);
  },
});
