import { CliError } from "../cli-error.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { changeEach, ROLLOUT_FLAGS, rolloutTargets } from "./rollout-change.ts";
import { checkRolled } from "./workload-kinds.ts";

export const command = defineKubectlCommand({
  usage: "RESOURCE [options]",
  summary: "Restart a resource",
  flags: ROLLOUT_FLAGS,
  async run({ flags, args, context }) {
    const targets = await rolloutTargets(context, args, flags);
    const now = `${new Date().toISOString().slice(0, 19)}Z`;
    await changeEach(context, targets, flags, "restarted", (object, { type, name }) => {
      checkRolled(type, "restart");
      if (object.spec?.paused === true) {
        throw new CliError(`error: can't restart paused deployment "${name}" (run rollout resume first)`);
      }
      return { spec: { template: { metadata: { annotations: { "kubectl.kubernetes.io/restartedAt": now } } } } };
    });
  },
});
