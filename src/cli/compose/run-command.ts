import { minArgs } from "../command.ts";
import { command as startContainer } from "../commands/start.ts";
import { checkEnv, checkLabel } from "../container-options/environment.ts";
import { bool, list, string } from "../flag-types.ts";
import type { FlagValues } from "../flags.ts";
import { isTerminal } from "../output.ts";
import { defineComposeCommand } from "./declaration.ts";
import { oneOf } from "./global-flags.ts";
import { interruptible } from "./interruptible.ts";
import { OneOffRun } from "./one-off-run.ts";

const flags = {
  build: bool("Build the image first"),
  "cap-add": list("Add rights (capabilities)"),
  "cap-drop": list("Take rights (capabilities) away"),
  detach: bool("Start it, print its id and come back", { short: "d" }),
  entrypoint: string("Instead of the image's entrypoint"),
  env: list("A variable, as NAME=value", { short: "e", type: "stringArray", check: checkEnv }),
  "env-from-file": list("A file with variables, one a line", { type: "stringArray" }),
  interactive: bool("Keep standard input open", { short: "i", initial: true }),
  label: list("A label, as key=value", { short: "l", type: "stringArray", check: checkLabel }),
  name: string("Name of the container"),
  "no-TTY": bool("No terminal for the command (default: none where this output is none)", { short: "T" }),
  "no-deps": bool("Leave alone what the service depends on"),
  publish: list("Publish a port, as [[HOST-IP:]PORT:]CONTAINER-PORT", { short: "p", type: "stringArray" }),
  pull: string('Get images first: "always", "missing" or "never" (default: as the services wish)', {
    initial: "policy",
    defaultText: "",
    check: oneOf("policy", "always", "missing", "never"),
  }),
  quiet: bool("Show no progress", { short: "q" }),
  "quiet-build": bool("Show nothing of builds"),
  "quiet-pull": bool("Show nothing of pulls"),
  "remove-orphans": bool("Remove containers whose services are not in the files any more"),
  rm: bool("Remove the container when it has ended"),
  "service-ports": bool("Publish the service's own ports", { short: "P" }),
  tty: bool("Give the command a terminal", { short: "t", initial: true, hidden: true }),
  "use-aliases": bool("Answer to the service's names in its networks"),
  user: string("User to run as", { short: "u" }),
  volume: list("A mount, as SOURCE:TARGET[:ro]", { short: "v", type: "stringArray" }),
  workdir: string("Folder to run in", { short: "w" }),
};
export type RunFlags = FlagValues<typeof flags>;

export const command = defineComposeCommand({
  usage: "[OPTIONS] SERVICE [COMMAND] [ARGS...]",
  summary: "Run a command in a new container of a service",
  args: minArgs(1),
  interspersed: false,
  dryRun: "tells",
  flags,
  async run({ flags: values, args: [service = "", ...words], given, context }) {
    const run = new OneOffRun(context, service, values);
    const wantsTerminal = given("no-TTY")
      ? !values["no-TTY"]
      : given("tty")
        ? values.tty
        : isTerminal(0) && isTerminal(1);
    const tty = wantsTerminal && !values.detach;
    const wishes = { words, hasEntrypoint: given("entrypoint"), tty };
    if (context.isDryRun) {
      await run.tell(wishes);
      return 0;
    }
    const id = await interruptible((signal) => run.prepare(wishes, signal));
    const client = await context.client();
    if (values.detach) {
      await client.post(`/containers/${id}/start`);
      context.print(`${id}\n`);
      return 0;
    }
    const start = {
      attach: true,
      checkpoint: "",
      "checkpoint-dir": "",
      "detach-keys": "",
      interactive: values.interactive,
    };
    return (await startContainer.run({ flags: start, args: [id], given: () => false, context })) ?? 0;
  },
});
