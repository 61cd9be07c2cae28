import { CliError } from "../cli-error.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { changeEach, ROLLOUT_FLAGS, rolloutTargets } from "./rollout-change.ts";
import { checkRolled } from "./workload-kinds.ts";

const RESTARTED_AT = "kubectl.kubernetes.io/restartedAt";

export const command = defineKubectlCommand({
  usage: "RESOURCE [options]",
  summary: "Start the pods of a workload anew",
  flags: ROLLOUT_FLAGS,
  async run({ flags, args, context }) {
    const targets = await rolloutTargets(context, args, flags);
    const now = `${new Date().toISOString().slice(0, 19)}Z`;
    await changeEach(context, targets, flags, "restarted", (object, { type, name }) => {
      checkRolled(type, "restart", name);
      if (object.spec?.paused === true) {
        throw new CliError(
          `error: deployments.apps ${JSON.stringify(name)} can't restart paused deployment (run rollout resume first)`,
        );
      }
      const { annotations } = (object.spec?.template?.metadata ?? {}) as { annotations?: Record<string, string> };
      if (annotations?.[RESTARTED_AT] === now) {
        throw new CliError(
          `error: failed to create patch for ${name}: if restart has already been triggered within the past second, please wait before attempting to trigger another`,
        );
      }
      return { spec: { template: { metadata: { annotations: { [RESTARTED_AT]: now } } } } };
    });
  },
});
