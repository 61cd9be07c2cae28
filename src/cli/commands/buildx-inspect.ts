import { describeBuilder } from "../build/describe-builder.ts";
import { builderFlags, refuseOtherBuilder } from "../build/one-builder.ts";
import { defineCommand, maxArgs } from "../command.ts";
import { bool } from "../flag-types.ts";

export const command = defineCommand({
  usage: "[NAME]",
  summary: "The builder in detail",
  args: maxArgs(1),
  flags: { bootstrap: bool("Make sure that it runs; the daemon's always does"), ...builderFlags },
  async run({ flags, args: [name = ""], context }) {
    refuseOtherBuilder(name || flags.builder);
    const builder = await describeBuilder(context);
    context.print(`Name:   ${builder.name}\nDriver: ${builder.driver}\n\nNodes:\n`);
    const facts = [
      ["Name:", builder.name],
      ["Endpoint:", builder.name],
      ["Status:", builder.status],
      ["BuildKit version:", builder.version],
      ["Platforms:", builder.platforms.join(", ")],
    ];
    context.print(facts.map(([title = "", value]) => `${title.padEnd(18)}${value}\n`).join(""));
  },
});
