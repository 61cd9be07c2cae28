import { minArgs } from "../command.ts";
import { command as execInContainer } from "../commands/exec.ts";
import { bool, int } from "../flag-types.ts";
import { isTerminal } from "../output.ts";
import { defineComposeCommand } from "./declaration.ts";
import { commandText } from "./print-plan.ts";
import { findServiceContainer, nameOf } from "./project-containers.ts";

const { detach, env, privileged, user, workdir } = execInContainer.flags;

export const command = defineComposeCommand({
  usage: "[OPTIONS] SERVICE COMMAND [ARGS...]",
  summary: "Run a command inside a service's container",
  args: minArgs(2),
  dryRun: "tells",
  interspersed: false,
  flags: {
    detach,
    env: { ...env, type: "stringArray" },
    index: int("Which of the service's containers"),
    interactive: bool("Keep standard input open", { short: "i", initial: true, hidden: true }),
    "no-tty": bool("No terminal for the command (default: none where this output is none)", { short: "T" }),
    privileged,
    tty: bool("Give the command a terminal", { short: "t", initial: true, hidden: true }),
    user,
    workdir,
  },
  async run({ flags, args: [service = "", ...words], given, context }) {
    const name = await context.projectName();
    const container = await findServiceContainer(await context.client(), name, service, { index: flags.index });
    if (context.isDryRun) {
      context.print(`Would run ${commandText(words)} in ${nameOf(container)}\n`);
      return 0;
    }
    const tty = given("no-tty") ? !flags["no-tty"] : given("tty") ? flags.tty : isTerminal(1) && isTerminal(0);
    const options = { ...flags, tty, "detach-keys": "", "env-file": [] };
    return (
      (await execInContainer.run({
        flags: options,
        args: [nameOf(container), ...words],
        given: (flag) => flag !== "detach-keys" && flag !== "env-file" && given(flag),
        context,
      })) ?? 0
    );
  },
});
