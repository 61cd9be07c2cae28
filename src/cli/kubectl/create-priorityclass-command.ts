import { bool, int, string } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "NAME --value=VALUE --global-default=BOOL [options]",
  summary: "Make a class of priorities for pods",
  flags: {
    ...CREATE_FLAGS,
    description: string("What it is for"),
    "global-default": bool("Pods that name no class have this one"),
    "preemption-policy": string("PreemptLowerPriority, or Never", { initial: "PreemptLowerPriority" }),
    value: int("The priority: greater goes first"),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    await create(context, flags, {
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: { name },
      value: flags.value,
      ...(flags.description === "" ? {} : { description: flags.description }),
      ...(flags["global-default"] ? { globalDefault: true } : {}),
      preemptionPolicy: flags["preemption-policy"],
    });
  },
});
