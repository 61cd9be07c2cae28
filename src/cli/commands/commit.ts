import { defineCommand, rangeArgs } from "../command.ts";
import { bool, list, string } from "../flag-types.ts";
import { parseReference } from "../reference.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  summary: "Make an image of what a container has changed",
  aliases: ["container commit", "commit"],
  args: rangeArgs(1, 2),
  flags: {
    author: string('Author (e.g., "Jane Doe <jane@example.com>")', { short: "a" }),
    change: list("A Dockerfile instruction for the new image", { short: "c" }),
    message: string("A note about the change", { short: "m" }),
    pause: bool("Halt the container meanwhile", { short: "p", initial: true }),
  },
  async run({ flags, args: [container = "", name], context }) {
    const reference = name ? parseReference(name) : undefined;
    const client = await context.client();
    const { Id } = await client.post<{ Id: string }>("/commit", {
      query: {
        container,
        repo: reference?.familiarName,
        tag: reference && (reference.tag ?? "latest"),
        author: flags.author || undefined,
        comment: flags.message || undefined,
        changes: flags.change,
        pause: flags.pause ? undefined : "0",
      },
      json: {},
    });
    context.print(`${Id}\n`);
  },
});
