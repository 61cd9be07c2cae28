import { defineCommand, minArgs } from "../command.ts";
import { bool, inspectFormat, string } from "../flag-types.ts";
import { printInspected } from "../inspect.ts";
import { checkKind, inspectAnyKind, inspectKind } from "../inspect-kinds.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  summary: "Return low-level information on Docker objects",
  args: minArgs(1),
  flags: {
    format: inspectFormat(),
    size: bool("Display total file sizes if the type is container", { short: "s" }),
    type: string("Only inspect objects of the given type"),
  },
  async run({ flags, args, given, context }) {
    const { type, size, format } = flags;
    if (given("type")) checkKind(type);
    if (size && type !== "" && type !== "container") context.printError(`WARNING: --size ignored for ${type}\n`);
    const client = await context.client();
    await printInspected(context, args, format, (name) =>
      type === "" ? inspectAnyKind(client, name, { size }) : inspectKind(client, type, name, { size }),
    );
  },
});
