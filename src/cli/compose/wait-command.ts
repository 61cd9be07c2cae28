import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";
import { interruptible } from "./interruptible.ts";
import { findProject } from "./stop-project.ts";

export const command = defineComposeCommand({
  usage: "SERVICE [SERVICE...] [OPTIONS]",
  summary: "Wait until containers of all (or any) services end",
  args: minArgs(1),
  dryRun: "tells",
  flags: { "down-project": bool("Take the project down when the first container ends") },
  async run({ flags, args, context }) {
    const { containers, engine } = await findProject(context, args);
    if (containers.length === 0)
      throw new CliError(`no containers for project ${JSON.stringify(await context.projectName())}`);
    if (context.isDryRun) {
      const names = containers.map(({ name }) => name).join(", ");
      const then = flags["down-project"] ? " (one of them), and take the project down" : "";
      context.print(`Would wait for the end of ${names}${then}\n`);
      return 0;
    }
    return await interruptible(async (signal) => {
      const waits = containers.map(async ({ id }) => {
        const code = await engine.waitContainer(id, "not-running", signal);
        context.print(`container ${JSON.stringify(id)} exited with status code ${code}\n`);
        return code;
      });
      if (!flags["down-project"]) return (await Promise.all(waits)).find((code) => code !== 0) ?? 0;
      const code = await Promise.race(waits);
      for (const wait of waits) wait.catch(() => {}); // they end with the project
      const down = await import("./down-command.ts");
      const values = { "remove-orphans": true, rmi: "", timeout: 0, volumes: false };
      await down.command.run({ flags: values, args: [], given: () => false, context });
      return code;
    });
  },
});
