import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { attachToPod } from "./attach-pod.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { checkContainer, defaultContainer, podOf } from "./pod-of.ts";

export const command = defineKubectlCommand({
  usage: "(POD | TYPE/NAME) -c CONTAINER [options]",
  summary: "Connect to the main program of a container",
  flags: {
    container: string("The container (default: the first, or the one that the pod's annotation names)", { short: "c" }),
    "pod-running-timeout": durationText("How long to wait for a pod that runs", { initial: "1m0s" }),
    quiet: bool("Print only what the container prints", { short: "q" }),
    stdin: bool("Send our standard input", { short: "i" }),
    tty: bool("Our terminal becomes that of the container", { short: "t" }),
  },
  async run({ flags, args, context }) {
    const [word, ...more] = args;
    if (word === undefined) throw new CliError("error: at least 1 argument is required for attach");
    if (more.length > 0)
      throw new CliError(
        `error: expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw ${args.length}: [${args.join(" ")}]`,
      );
    const pod = await podOf(context, word, flags["pod-running-timeout"]);
    if (flags.container !== "") checkContainer(pod, flags.container, "cannot attach to the container: ");
    const container = flags.container || defaultContainer(context, pod, flags.quiet);
    return await attachToPod(context, pod, container, flags);
  },
});
