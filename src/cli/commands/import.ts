import { defineCommand, minArgs } from "../command.ts";
import { list, string } from "../flag-types.ts";
import { openInput } from "../input-stream.ts";
import { parseReference } from "../reference.ts";
import { showAction } from "../show-action.ts";

export const command = defineCommand({
  usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  summary: "Make an image of one layer from a tar of files",
  aliases: ["image import", "import"],
  args: minArgs(1),
  flags: {
    change: list("A Dockerfile instruction for the new image", { short: "c" }),
    message: string("A note about the import", { short: "m" }),
    platform: string("Platform to take where the daemon has several"),
  },
  async run({ flags, args: [source = "", name], context }) {
    const isUrl = /^https?:\/\//.test(source);
    const body = isUrl ? undefined : await openInput(source === "-" ? "" : source);
    if (name) parseReference(name);
    const client = await context.client();
    const answer = await client.send("POST", "/images/create", {
      query: {
        fromSrc: isUrl ? source : "-",
        repo: name || undefined,
        message: flags.message || undefined,
        changes: flags.change,
        platform: flags.platform ? flags.platform.toLowerCase() : undefined,
      },
      headers: isUrl ? {} : { "Content-Type": "application/x-tar" },
      body,
    });
    await showAction(context, answer);
  },
});
