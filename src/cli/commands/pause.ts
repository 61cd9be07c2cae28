import { defineCommand, forEachName, minArgs } from "../command.ts";
import { objectPath } from "../object-path.ts";

export const command = defineCommand({
  usage: "CONTAINER [CONTAINER...]",
  summary: "Halt all processes of containers",
  aliases: ["container pause", "pause"],
  args: minArgs(1),
  flags: {},
  async run({ args, context }) {
    const client = await context.client();
    await forEachName(context, args, (name) => client.post(`${objectPath("container", name)}/pause`));
  },
});
