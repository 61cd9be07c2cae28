import { defineCommand, exactArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { canonicalText, completeReference, pullImage } from "../pull-image.ts";
import { parseReference } from "../reference.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  summary: "Download an image from a registry",
  aliases: ["image pull", "pull"],
  args: exactArgs(1),
  flags: {
    "all-tags": bool("Download all tagged images in the repository", { short: "a" }),
    "disable-content-trust": bool("Skip image verification", { initial: true }),
    platform: string("Set platform if server is multi-platform capable"),
    quiet: bool("Suppress verbose output", { short: "q" }),
  },
  async run({ flags, args: [name = ""], context }) {
    const { quiet, platform } = flags;
    const given = parseReference(name);
    const reference = completeReference(given, flags["all-tags"]);
    if (reference !== given && !quiet) context.print("Using default tag: latest\n");
    await pullImage(context, reference, { platform, quiet });
    context.print(`${canonicalText(reference)}\n`);
  },
});
