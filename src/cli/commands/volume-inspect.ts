import { defineCommand, minArgs } from "../command.ts";
import { inspectFormat } from "../flag-types.ts";
import { printInspected } from "../inspect.ts";
import { inspectKind } from "../inspect-kinds.ts";

export const command = defineCommand({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  summary: "Print everything known of volumes",
  args: minArgs(1),
  flags: {
    format: inspectFormat(),
  },
  async run({ flags, args, context }) {
    const client = await context.client();
    await printInspected(context, args, flags.format, (name) => inspectKind(client, "volume", name));
  },
});
