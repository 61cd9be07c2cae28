import { defineKubectlCommand } from "./declaration.ts";
import { groupVersion } from "./resource-types.ts";

export const command = defineKubectlCommand({
  usage: "[options]",
  summary: 'Print the supported API versions on the server, in the form of "group/version"',
  flags: {},
  async run({ context }) {
    const { all } = await context.types();
    context.print(`${[...new Set(all.map(groupVersion))].sort().join("\n")}\n`);
  },
});
