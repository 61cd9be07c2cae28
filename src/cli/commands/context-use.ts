import { defineCommand, exactArgs } from "../command.ts";
import { updateConfigFile } from "../config-writer.ts";
import { HOST_WARNING, openContexts } from "../contexts.ts";

export const command = defineCommand({
  usage: "CONTEXT",
  summary: "Choose the context to use from now on",
  args: exactArgs(1),
  flags: {},
  async run({ args: [name = ""], context }) {
    const isDefault = name === "default";
    if (!isDefault) await openContexts(context).getContext(name);
    await updateConfigFile(context.configDir, { currentContext: isDefault ? undefined : name });
    context.print(`${name}\n`);
    context.printError(`Current context is now "${name}"\n`);
    if (process.env.DOCKER_HOST && !isDefault) context.printError(HOST_WARNING);
  },
});
