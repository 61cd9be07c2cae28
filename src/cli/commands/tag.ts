import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { objectPath } from "../object-path.ts";
import { parseReference } from "../reference.ts";

export const command = defineCommand({
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  summary: "Give SOURCE_IMAGE the further name TARGET_IMAGE",
  aliases: ["image tag", "tag"],
  args: exactArgs(2),
  flags: {},
  async run({ args: [source = "", target = ""], context }) {
    const reference = parseOrExplain(target);
    if (reference.digest !== undefined) throw new CliError("refusing to create a tag with a digest reference");
    const client = await context.client();
    await client.post(`${objectPath("image", source)}/tag`, {
      query: { repo: reference.familiarName, tag: reference.tag ?? "latest" },
    });
  },
});

function parseOrExplain(text: string) {
  try {
    return parseReference(text);
  } catch (error) {
    throw new CliError(
      `Error parsing reference: ${JSON.stringify(text)} is not a valid repository/tag: ${(error as Error).message}`,
    );
  }
}
