import { defineCommand, noArgs } from "../command.ts";

export const command = defineCommand({
  usage: "",
  summary: "Stop the cluster; its objects stay for the next start",
  description: "Stop the cluster of the daemon. The containers of its pods end; its objects stay for the next start.",
  args: noArgs,
  flags: {},
  async run({ context }) {
    const client = await context.client();
    await client.post("/naru/cluster/stop");
    context.print("cluster stopped\n");
  },
});
