import { CliError } from "../cli-error.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { changeEach, ROLLOUT_FLAGS, rolloutTargets } from "./rollout-change.ts";

export const command = defineKubectlCommand({
  usage: "RESOURCE [options]",
  summary: "Let changes of a deployment go on",
  flags: ROLLOUT_FLAGS,
  async run({ flags, args, context }) {
    const targets = await rolloutTargets(context, args, flags);
    await changeEach(context, targets, flags, "resumed", (object, { type, name }) => {
      if (type.resource !== "deployments") {
        throw new CliError(`error: ${type.resource} "${name}" resuming is not supported`);
      }
      if (object.spec?.paused !== true) {
        throw new CliError(`error: deployments.apps "${name}" is not paused`);
      }
      return { spec: { paused: null } };
    });
  },
});
