import { CliError } from "../cli-error.ts";
import { ApiError } from "../client.ts";
import { defineCommand, forEachName, minArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Remove containers",
  aliases: ["container rm", "container remove", "rm"],
  args: minArgs(1),
  flags: {
    force: bool("Remove it although it runs, after a SIGKILL", { short: "f" }),
    link: bool("Remove only the link of that name", { short: "l" }),
    volumes: bool("The container's unnamed volumes too", { short: "v" }),
  },
  async run({ flags, args, context }) {
    const client = await context.client();
    const query = { force: flags.force, v: flags.volumes, link: flags.link };
    const names = args.map((name) => name.replace(/^\/+|\/+$/g, ""));
    if (names.includes("")) throw new CliError("container name cannot be empty");
    const missing: string[] = [];
    const remove = async (name: string) => {
      try {
        await client.delete(objectPath("container", name), { query });
        return true;
      } catch (error) {
        // With --force a container that is not there is told, but is no failure.
        if (!(flags.force && error instanceof ApiError && error.status === 404)) throw error;
        missing.push(error.message);
        return false;
      }
    };
    try {
      await forEachName(context, names, remove);
    } finally {
      for (const message of missing) context.printError(`${message}\n`);
    }
  },
});
