import { defineCommand, minArgs } from "../command.ts";
import { inspectFormat, string } from "../flag-types.ts";
import { printInspected } from "../inspect.ts";
import { inspectKind } from "../inspect-kinds.ts";
import { platformQuery } from "../platform.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  summary: "Print everything known of images",
  args: minArgs(1),
  flags: {
    format: inspectFormat(),
    platform: string(
      `Look at the image for this platform, and fail when there is none.
'os[/arch[/variant]]': such as linux/amd64`,
    ),
  },
  async run({ flags, args, context }) {
    const platform = platformQuery(flags.platform);
    const client = await context.client();
    await printInspected(context, args, flags.format, (name) => inspectKind(client, "image", name, { platform }));
  },
});
