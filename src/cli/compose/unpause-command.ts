import { minArgs } from "../command.ts";
import { defineComposeCommand } from "./declaration.ts";
import { eachContainer } from "./each-container.ts";
import { findProject } from "./stop-project.ts";

export const command = defineComposeCommand({
  usage: "[SERVICE...]",
  summary: "Let frozen containers go on",
  args: minArgs(0),
  dryRun: "tells",
  flags: {},
  async run({ args, context }) {
    const { containers, engine } = await findProject(context, args);
    const chosen = containers.filter(({ state }) => state === "paused");
    await eachContainer(context, chosen, ["Unpausing", "Unpaused"], ({ id }) => engine.unpauseContainer(id));
  },
});
