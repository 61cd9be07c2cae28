import { deleteEntry } from "./config-delete-entry.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { HelpError } from "./help-error.ts";

export const command = defineKubectlCommand({
  usage: "NAME [options]",
  summary: "Delete a context",
  flags: {},
  async run({ args, context }) {
    const [name] = args;
    if (name === undefined || args.length > 1) throw new HelpError();
    await deleteEntry(context, "contexts", name, ({ current }) => {
      if (current !== name) return;
      context.printError(
        'warning: this removed your active context, use "kubectl config use-context" to select a different one\n',
      );
    });
  },
});
