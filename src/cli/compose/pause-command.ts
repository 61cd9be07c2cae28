import { minArgs } from "../command.ts";
import { defineComposeCommand } from "./declaration.ts";
import { eachContainer } from "./each-container.ts";
import { findProject } from "./stop-project.ts";

export const command = defineComposeCommand({
  usage: "[SERVICE...]",
  summary: "Freeze containers",
  args: minArgs(0),
  dryRun: "tells",
  flags: {},
  async run({ args, context }) {
    const { containers, engine } = await findProject(context, args);
    const chosen = containers.filter(({ state }) => state === "running");
    await eachContainer(context, chosen, ["Pausing", "Paused"], ({ id }) => engine.pauseContainer(id));
  },
});
