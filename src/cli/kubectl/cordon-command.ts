import { defineKubectlCommand } from "./declaration.ts";
import { NODE_FLAGS, nodesNamed, setSchedulable } from "./node-schedulable.ts";

export const command = defineKubectlCommand({
  usage: "NODE [options]",
  summary: "Keep new pods off a node",
  flags: NODE_FLAGS,
  async run({ flags, args, context }) {
    for (const node of await nodesNamed(context, args, flags.selector, "cordon"))
      await setSchedulable(context, node, false, flags);
  },
});
