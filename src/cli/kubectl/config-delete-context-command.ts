import { CliError } from "../cli-error.ts";
import { readConfigFile, writeConfigFile } from "./config-file.ts";
import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "NAME [options]",
  summary: "Delete the specified context from the kubeconfig",
  flags: {},
  async run({ args, context }) {
    const [wanted] = args;
    if (wanted === undefined || args.length > 1) throw new CliError(`error: Unexpected args: [${args.join(" ")}]`);
    const { path, config } = await readConfigFile(context);
    const contexts = config.contexts.filter(({ name }) => name !== wanted);
    if (contexts.length === config.contexts.length) {
      throw new CliError(`error: cannot delete context ${wanted}, not in ${path}`);
    }
    if (config["current-context"] === wanted) {
      context.printError(
        'warning: this removed your active context, use "kubectl config use-context" to select a different one\n',
      );
    }
    await writeConfigFile(path, { ...config, contexts });
    context.print(`deleted context ${wanted} from ${path}\n`);
  },
});
