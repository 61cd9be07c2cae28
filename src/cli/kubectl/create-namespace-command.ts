import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "NAME [--dry-run=server|client|none] [options]",
  summary: "Make a namespace",
  flags: CREATE_FLAGS,
  async run({ flags, args, context }) {
    await create(context, flags, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: oneName(args) },
      spec: {},
      status: {},
    });
  },
});
