import { defineCommand, minArgs } from "../command.ts";

/** `kubectl`: its own words decide what is loaded. */
export const command = defineCommand({
  usage: "COMMAND [OPTIONS]",
  summary: "Speak with a Kubernetes cluster",
  args: minArgs(0),
  flags: {},
  takesAllWords: true,
  helpsItself: true,
  async run({ args, context }) {
    const { runKubectl } = await import("../kubectl/kubectl-command.ts");
    const program = context.program === "kubectl" ? "kubectl" : `${context.program} kubectl`;
    return await runKubectl(program, args, context);
  },
});
