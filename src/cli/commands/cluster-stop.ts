import { defineCommand, noArgs } from "../command.ts";
import { int } from "../flag-types.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Stop the cluster; its objects stay for the next start",
  description: "Stop the cluster of the daemon. The containers of its pods end; its objects stay for the next start.",
  args: noArgs,
  flags: { time: int("Seconds that the pods' containers have to end", { short: "t", initial: 10 }) },
  async run({ flags, context }) {
    const client = await context.client();
    await client.post("/naru/cluster/stop", { query: { t: String(flags.time) } });
    context.print("cluster stopped\n");
  },
});
