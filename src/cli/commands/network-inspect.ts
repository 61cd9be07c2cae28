import { defineCommand, minArgs } from "../command.ts";
import { bool, inspectFormat } from "../flag-types.ts";
import { printInspected } from "../inspect.ts";
import { inspectKind } from "../inspect-kinds.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NETWORK [NETWORK...]",
  summary: "Print everything known of networks",
  args: minArgs(1),
  flags: {
    format: inspectFormat(),
    verbose: bool("Tell more about what is done", { short: "v" }),
  },
  async run({ flags, args, context }) {
    const client = await context.client();
    await printInspected(context, args, flags.format, (name) =>
      inspectKind(client, "network", name, { verbose: flags.verbose }),
    );
  },
});
