import { defineCommand, minArgs } from "../command.ts";
import { bool, inspectFormat } from "../flag-types.ts";
import { printInspected } from "../inspect.ts";
import { inspectKind } from "../inspect-kinds.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Print everything known of containers",
  args: minArgs(1),
  flags: {
    format: inspectFormat(),
    size: bool("Show how large containers are", { short: "s" }),
  },
  async run({ flags, args, context }) {
    const client = await context.client();
    await printInspected(context, args, flags.format, (name) =>
      inspectKind(client, "container", name, { size: flags.size }),
    );
  },
});
