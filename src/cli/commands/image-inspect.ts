import { defineCommand, minArgs } from "../command.ts";
import { inspectFormat, string } from "../flag-types.ts";
import { printInspected } from "../inspect.ts";
import { inspectKind } from "../inspect-kinds.ts";
import { platformQuery } from "../platform.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  summary: "Display detailed information on one or more images",
  args: minArgs(1),
  flags: {
    format: inspectFormat(),
    platform: string(
      `Inspect a specific platform of the multi-platform image.
If the image or the server is not multi-platform capable, the command will error out if the platform does not match.
'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)`,
    ),
  },
  async run({ flags, args, context }) {
    const platform = platformQuery(flags.platform);
    const client = await context.client();
    await printInspected(context, args, flags.format, (name) => inspectKind(client, "image", name, { platform }));
  },
});
