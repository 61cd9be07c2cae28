import { CliError } from "../cli-error.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { checkWordCount } from "./help-error.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";

export const command = defineKubectlCommand({
  usage: "CONTEXT_NAME [options]",
  summary: "Switch to another context",
  flags: {},
  async run({ args, context }) {
    checkWordCount(args, 1);
    const name = args[0]!;
    await new KubeconfigFiles(context.kubeconfig.path).change((config) => {
      if (config.contexts.has(name)) return { ...config, current: name };
      throw new CliError(`error: no context exists with the name: ${JSON.stringify(name)}`);
    });
    context.print(`Switched to context ${JSON.stringify(name)}.\n`);
  },
});
