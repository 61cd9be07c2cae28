import { deleteEntry } from "./config-delete-entry.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { HelpError } from "./help-error.ts";

export const command = defineKubectlCommand({
  usage: "NAME [options]",
  summary: "Delete a cluster's entry",
  flags: {},
  async run({ args, context }) {
    const [name] = args;
    if (name === undefined || args.length > 1) throw new HelpError();
    await deleteEntry(context, "clusters", name);
  },
});
