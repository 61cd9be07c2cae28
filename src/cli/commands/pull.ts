import { defineCommand, exactArgs } from "../command.ts";
import { contentTrust, refuseContentTrust } from "../content-trust.ts";
import { bool, string } from "../flag-types.ts";
import { canonicalText, completeReference, pullImage } from "../pull-image.ts";
import { parseReference } from "../reference.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  summary: "Get an image from a registry",
  aliases: ["image pull", "pull"],
  args: exactArgs(1),
  flags: {
    "all-tags": bool("Get every tag of the repository", { short: "a" }),
    "disable-content-trust": contentTrust("Do not check the image's signature"),
    platform: string("Platform to take where the daemon has several"),
    quiet: bool("Print the id only", { short: "q" }),
  },
  async run({ flags, args: [name = ""], context }) {
    refuseContentTrust(flags["disable-content-trust"]);
    const { quiet, platform } = flags;
    const given = parseReference(name);
    const reference = completeReference(given, flags["all-tags"]);
    if (reference !== given && !quiet) context.print("Using default tag: latest\n");
    await pullImage(context, reference, { platform, quiet });
    context.print(`${canonicalText(reference)}\n`);
  },
});
