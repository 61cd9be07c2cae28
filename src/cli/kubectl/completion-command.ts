import { CliError } from "../cli-error.ts";
import { type Shell, shellScript } from "./completion/shell-scripts.ts";
import { defineKubectlCommand } from "./declaration.ts";

const SHELLS: readonly string[] = ["bash", "zsh", "fish", "powershell"];

export const command = defineKubectlCommand({
  usage: "SHELL",
  summary: "Print the script that completes commands in a shell",
  description:
    "Print the script that completes commands, flags, and the names of the cluster's objects in a shell, for the program's name kubectl:\nsource <(kubectl completion bash)",
  flags: {},
  async run({ args, context }) {
    const [shell, ...more] = args;
    const hint = `See '${context.program} completion -h' for help and examples`;
    if (shell === undefined) throw new CliError(`error: Shell not specified.\n${hint}`);
    if (more.length > 0) throw new CliError(`error: Too many arguments. Expected only the shell type.\n${hint}`);
    if (!SHELLS.includes(shell)) throw new CliError(`error: Unsupported shell type "${shell}".\n${hint}`);
    context.print(shellScript("kubectl", shell as Shell));
  },
});
