import { CliError } from "../cli-error.ts";
import { readConfigFile, writeConfigFile } from "./config-file.ts";
import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "CONTEXT_NAME [options]",
  summary: "Set the current-context in a kubeconfig file",
  aliases: ["use"],
  flags: {},
  async run({ args, context }) {
    const [name] = args;
    if (name === undefined || args.length > 1) throw new CliError(`error: Unexpected args: [${args.join(" ")}]`);
    const { path, config } = await readConfigFile(context);
    if (!config.contexts.some((one) => one.name === name)) {
      throw new CliError(`error: no context exists with the name: ${JSON.stringify(name)}`);
    }
    await writeConfigFile(path, { ...config, "current-context": name });
    context.print(`Switched to context ${JSON.stringify(name)}.\n`);
  },
});
