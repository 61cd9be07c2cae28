import { defineKubectlCommand } from "./declaration.ts";
import { UsageError } from "./help-error.ts";
import { groupVersion } from "./resource-types.ts";

export const command = defineKubectlCommand({
  usage: "[options]",
  summary: "List the API's groups and versions that the server knows",
  flags: {},
  async run({ args, context }) {
    if (args.length > 0) throw new UsageError(`error: unexpected arguments: [${args.join(" ")}]`);
    const { all } = await context.types();
    context.print(`${[...new Set(all.map(groupVersion))].sort().join("\n")}\n`);
  },
});
