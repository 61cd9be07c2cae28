import { defineCommand, exactArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NETWORK CONTAINER",
  summary: "Take a container off a network",
  args: exactArgs(2),
  flags: { force: bool("Take it off although it resists", { short: "f" }) },
  async run({ flags, args: [network = "", container = ""], context }) {
    const client = await context.client();
    await client.post(`${objectPath("network", network)}/disconnect`, {
      json: { Container: container, Force: flags.force },
    });
  },
});
