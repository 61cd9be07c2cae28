import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { readContextArchive } from "../context-archive.ts";
import { checkNewContextName, hasContext, writeContext } from "../context-writer.ts";
import { openContexts } from "../contexts.ts";
import { openInput } from "../input-stream.ts";

export const command = defineCommand({
  usage: "CONTEXT FILE|-",
  summary: "Read a context from a tar or zip file",
  args: exactArgs(2),
  flags: {},
  async run({ args: [name = "", source = ""], context }) {
    const { store } = openContexts(context);
    checkNewContextName(name);
    if (await hasContext(store, name)) throw new CliError(`context "${name}" already exists`);
    const { context: metadata, tlsFiles } = await readContextArchive(await openInput(source === "-" ? "" : source));
    await writeContext(store, { ...metadata, Name: name }, tlsFiles);
    context.print(`${name}\n`);
    context.printError(`Successfully imported context "${name}"\n`);
  },
});
