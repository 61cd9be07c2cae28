import { CliError } from "../cli-error.ts";
import { defineCommand, noArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { openInput } from "../input-stream.ts";
import { isTerminal } from "../output.ts";
import { platformQuery } from "../platform.ts";
import { showAction } from "../show-action.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Bring in images from a tar",
  aliases: ["image load", "load"],
  args: noArgs,
  flags: {
    input: string("Read this file rather than standard input", { short: "i" }),
    platform: string('Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")'),
    quiet: bool("Print nothing while loading", { short: "q" }),
  },
  async run({ flags, context }) {
    const platform = platformQuery(flags.platform);
    if (flags.input === "" && isTerminal(0)) throw new CliError("requested load from stdin, but stdin is empty");
    const body = await openInput(flags.input);
    const client = await context.client();
    const quiet = flags.quiet || !isTerminal(1);
    const answer = await client.send("POST", "/images/load", {
      query: { quiet: quiet ? "1" : "0", platform },
      headers: { "Content-Type": "application/x-tar" },
      body,
    });
    await showAction(context, answer);
  },
});
