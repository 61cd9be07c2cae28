import { defineKubectlCommand } from "./declaration.ts";
import { NODE_FLAGS, nodesNamed, setSchedulable } from "./node-schedulable.ts";

export const command = defineKubectlCommand({
  usage: "NODE [options]",
  summary: "Let new pods onto a node again",
  flags: NODE_FLAGS,
  async run({ flags, args, context }) {
    for (const node of await nodesNamed(context, args, flags.selector, "uncordon"))
      await setSchedulable(context, node, true, flags);
  },
});
