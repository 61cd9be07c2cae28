import { CliError } from "../cli-error.ts";
import { type CommandContext, defineCommand, exactArgs } from "../command.ts";
import { contentTrust, refuseContentTrust } from "../content-trust.ts";
import { bool, string } from "../flag-types.ts";
import { platformQuery } from "../platform.ts";
import { canonicalText, completeReference } from "../pull-image.ts";
import { type ImageReference, parseReference } from "../reference.ts";
import { registryAuthHeader } from "../registry-auth.ts";
import { showAction } from "../show-action.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME[:TAG]",
  summary: "Send an image to a registry",
  aliases: ["image push", "push"],
  args: exactArgs(1),
  flags: {
    "all-tags": bool("Send every tag of the repository", { short: "a" }),
    "disable-content-trust": contentTrust("Do not sign the image"),
    platform: string(
      `Send only this platform of the image, without the index that names the others.
'os[/arch[/variant]]': such as linux/amd64`,
    ),
    quiet: bool("Print the name only", { short: "q" }),
  },
  async run({ flags, args: [name = ""], context }) {
    refuseContentTrust(flags["disable-content-trust"]);
    const given = parseReference(name);
    if (given.digest !== undefined) throw new CliError("cannot push a digest reference");
    const image = completeReference(given, flags["all-tags"]);
    if (image !== given && !flags.quiet) context.print("Using default tag: latest\n");
    await pushImage(context, image, { platform: flags.platform, quiet: flags.quiet });
    if (flags.quiet) context.print(`${canonicalText(image)}\n`);
  },
});

/** What the daemon tells when it could push one platform only. */
interface PushedInstead {
  manifestPushedInsteadOfIndex?: boolean;
  originalIndex?: { digest: string };
  selectedManifest?: { digest: string };
}

async function pushImage(
  context: CommandContext,
  image: ImageReference,
  { platform, quiet }: { platform: string; quiet: boolean },
): Promise<void> {
  const client = await context.client();
  const answer = await client.send("POST", `/images/${image.familiarName}/push`, {
    query: { tag: image.tag, platform: platformQuery(platform) },
    headers: { "X-Registry-Auth": "e30=", ...(await registryAuthHeader(await context.config(), image)) },
  });
  const notes: string[] = [];
  await showAction(context, answer, {
    quiet,
    onAux: (aux) => {
      const { manifestPushedInsteadOfIndex, originalIndex, selectedManifest } = aux as PushedInstead;
      if (!manifestPushedInsteadOfIndex) return;
      notes.push(
        `Only the platform that is here was pushed, not the index with all of them: ${originalIndex?.digest} -> ${selectedManifest?.digest}`,
      );
    },
  });
  for (const note of notes) context.printError(`${note}\n`);
}
