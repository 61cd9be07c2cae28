import { CliError } from "../cli-error.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { checkWordCount } from "./help-error.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";
import { withEntry } from "./kubeconfig/model.ts";

export const command = defineKubectlCommand({
  usage: "CONTEXT_NAME NEW_NAME [options]",
  summary: "Rename a context",
  flags: {},
  async run({ args, context }) {
    checkWordCount(args, 2);
    const [from = "", to = ""] = args;
    const files = new KubeconfigFiles(context.kubeconfig.path);
    const path = await files.defaultPath();
    await files.change((config) => {
      const entry = config.contexts.get(from);
      if (entry === undefined) throw new CliError(`error: cannot rename the context "${from}", it's not in ${path}`);
      if (config.contexts.has(to)) {
        throw new CliError(`error: cannot rename the context "${from}", the context "${to}" already exists in ${path}`);
      }
      const renamed = withEntry(withEntry(config, "contexts", to, entry), "contexts", from, undefined);
      return config.current === from ? { ...renamed, current: to } : renamed;
    });
    context.print(`Context "${from}" renamed to "${to}".\n`);
  },
});
