import { open } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import { defineCommand, rangeArgs } from "../command.ts";
import { contextArchive } from "../context-archive.ts";
import { openContexts } from "../contexts.ts";
import { fileErrorText } from "../file-error.ts";
import { isTerminal, writeOut } from "../output.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTEXT [FILE|-]",
  summary: 'Write a context to a tar FILE, or as a stream with "-".',
  args: rangeArgs(1, 2),
  flags: {},
  async run({ args: [name = "", destination], context }) {
    const { store, getContext } = openContexts(context);
    const path = destination ?? `${name}.dockercontext`;
    const metadata = await getContext(name);
    const tlsFiles = name === "default" ? new Map<string, string>() : await store.readTlsFiles(name, "docker");
    const archive = contextArchive(metadata, tlsFiles);
    if (path === "-") {
      if (isTerminal(1)) throw new CliError("cowardly refusing to export to a terminal, specify a file path");
      writeOut(archive);
      return;
    }
    try {
      const file = await open(path, "wx", 0o600);
      await file.writeFile(archive);
      await file.close();
    } catch (error) {
      throw new CliError(fileErrorText("open", path, error));
    }
    context.printError(`Written file "${path}"\n`);
  },
});
