import { CliError } from "../cli-error.ts";
import { contextName } from "../client-facts.ts";
import { defineCommand, minArgs } from "../command.ts";
import { updateConfigFile } from "../config-writer.ts";
import { deleteContext, hasContext } from "../context-writer.ts";
import { openContexts } from "../contexts.ts";
import { bool } from "../flag-types.ts";

export const command = defineCommand({
  usage: "CONTEXT [CONTEXT...]",
  summary: "Remove contexts",
  aliases: ["context rm", "context remove"],
  args: minArgs(1),
  flags: { force: bool("Remove it although it is the current one", { short: "f" }) },
  async run({ flags, args, context }) {
    const { store } = openContexts(context);
    const current = await contextName(context);
    const failures: string[] = [];
    for (const name of args) {
      const reason = await refusal(name);
      if (reason !== undefined) {
        failures.push(reason);
        continue;
      }
      await deleteContext(store, name);
      if (name === (await context.config()).currentContext) {
        await updateConfigFile(context.configDir, { currentContext: undefined });
      }
      context.print(`${name}\n`);
    }
    if (failures.length > 0) throw new CliError(failures.join("\n"));

    async function refusal(name: string): Promise<string | undefined> {
      if (name === "default") return 'context "default" cannot be removed';
      if (flags.force) return undefined;
      if (!(await hasContext(store, name))) return `context "${name}" does not exist`;
      if (name === current) return `context "${name}" is in use, set -f flag to force remove`;
      return undefined;
    }
  },
});
