import { CliError } from "../cli-error.ts";
import { readConfigFile, writeConfigFile } from "./config-file.ts";
import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "CONTEXT_NAME NEW_NAME [options]",
  summary: "Rename a context from the kubeconfig file",
  flags: {},
  async run({ args, context }) {
    const [from, to] = args;
    if (from === undefined || to === undefined || args.length > 2) {
      throw new CliError(`error: Unexpected args: [${args.join(" ")}]`);
    }
    const { path, config } = await readConfigFile(context);
    if (!config.contexts.some(({ name }) => name === from)) {
      throw new CliError(`error: cannot rename the context "${from}", it's not in ${path}`);
    }
    if (config.contexts.some(({ name }) => name === to)) {
      throw new CliError(`error: cannot rename the context "${from}", the context "${to}" already exists in ${path}`);
    }
    const contexts = config.contexts.map((one) => (one.name === from ? { ...one, name: to } : one));
    const current = config["current-context"] === from ? to : config["current-context"];
    await writeConfigFile(path, { ...config, contexts, "current-context": current });
    context.print(`Context "${from}" renamed to "${to}".\n`);
  },
});
