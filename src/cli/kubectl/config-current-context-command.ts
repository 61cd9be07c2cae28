import { CliError } from "../cli-error.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";

export const command = defineKubectlCommand({
  usage: "[options]",
  summary: "Print the current context",
  flags: {},
  async run({ context }) {
    const { current } = await new KubeconfigFiles(context.kubeconfig.path).read();
    if (current === "") throw new CliError("error: current-context is not set");
    context.print(`${current}\n`);
  },
});
