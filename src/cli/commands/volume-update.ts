import { CliError } from "../cli-error.ts";
import { defineCommand, maxArgs } from "../command.ts";
import { string } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [VOLUME]",
  summary: "Change a volume (cluster volumes only)",
  args: maxArgs(1),
  flags: {
    availability: string('Cluster Volume availability ("active", "pause", "drain")', { initial: "active" }),
  },
  async run({ args: [name = ""], context }) {
    const client = await context.client();
    await client.get(objectPath("volume", name));
    throw new CliError("can only update cluster volumes");
  },
});
