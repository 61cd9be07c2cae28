import { defineCommand, minArgs } from "../command.ts";
import { bool, inspectFormat, string } from "../flag-types.ts";
import { printInspected } from "../inspect.ts";
import { checkKind, inspectAnyKind, inspectKind } from "../inspect-kinds.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  summary: "Print everything known of objects of any kind",
  args: minArgs(1),
  flags: {
    format: inspectFormat(),
    size: bool("Show sizes too, of containers", { short: "s" }),
    type: string("Look among objects of this type only"),
  },
  async run({ flags, args, given, context }) {
    const { type, size, format } = flags;
    if (given("type")) checkKind(type);
    if (size && type !== "" && type !== "container") context.printError(`WARNING: --size ignored for ${type}\n`);
    const client = await context.client();
    await printInspected(context, args, format, async (name) => {
      if (type !== "") return inspectKind(client, type, name, { size });
      const found = await inspectAnyKind(client, name, { size });
      if (size && found.kind !== "container") context.printError(`WARNING: --size ignored for ${found.kind}\n`);
      return found;
    });
  },
});
