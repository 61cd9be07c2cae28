import { describeBuilder } from "../build/describe-builder.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, noArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { alignColumns } from "../tabwriter.ts";

export const command = defineCommand({
  usage: "",
  summary: "The builders: there is one",
  args: noArgs,
  flags: {
    debug: bool("Say more", { short: "D" }),
    format: string('"table" or "json"', { initial: "table" }),
    "no-trunc": bool("Cut nothing"),
  },
  async run({ flags, context }) {
    const { name, driver, status, version, platforms } = await describeBuilder(context);
    if (flags.format === "json") {
      const nodes = [{ Name: name, Endpoint: name, Status: status, Version: version, Platforms: platforms }];
      context.print(`${JSON.stringify({ Name: name, Driver: driver, Current: true, Dynamic: false, Nodes: nodes })}\n`);
      return;
    }
    if (flags.format !== "table") throw new CliError("the format of ls is table or json");
    const rows = [
      ["NAME/NODE", "DRIVER/ENDPOINT", "STATUS", "BUILDKIT", "PLATFORMS"],
      [`${name}*`, driver, "", "", ""],
      [` \\_ ${name}`, ` \\_ ${name}`, status, version, platforms.join(", ")],
    ];
    context.print(alignColumns(`${rows.map((row) => row.join("\t")).join("\n")}\n`));
  },
});
