import { CliError } from "../cli-error.ts";
import { deleteEntry } from "./config-delete-entry.ts";
import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "NAME [options]",
  summary: "Delete a user's entry",
  flags: {},
  async run({ args, context }) {
    const [name] = args;
    if (name === undefined || args.length > 1) {
      throw new CliError(
        `error: user to delete is required\nSee '${context.program} config delete-user -h' for help and examples`,
      );
    }
    await deleteEntry(context, "users", name);
  },
});
