import type { ImageDeleteItem } from "../../model/image.ts";
import { CliError } from "../cli-error.ts";
import { ApiError } from "../client.ts";
import { defineCommand, minArgs } from "../command.ts";
import { strings } from "../csv-flag.ts";
import { bool } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";
import { platformQuery } from "../platform.ts";

const HTTP_NOT_FOUND = 404;

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  summary: "Remove images",
  aliases: ["image rm", "image remove", "rmi"],
  args: minArgs(1),
  flags: {
    force: bool("Remove it although it is in use", { short: "f" }),
    "no-prune": bool("Keep parents that have no name"),
    platform: strings(
      'Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    ),
  },
  async run({ flags, args, context }) {
    const platforms = flags.platform.map((each) => platformQuery(each) ?? "");
    const client = await context.client();
    const failures: string[] = [];
    let onlyMissing = true;
    for (const name of args) {
      try {
        const items = await client.delete<ImageDeleteItem[]>(objectPath("image", name), {
          query: { force: flags.force, noprune: flags["no-prune"], platforms },
        });
        const line = (item: ImageDeleteItem) =>
          "Deleted" in item ? `Deleted: ${item.Deleted}\n` : `Untagged: ${item.Untagged}\n`;
        context.print(items.map(line).join(""));
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        if (!(error instanceof ApiError && error.status === HTTP_NOT_FOUND)) onlyMissing = false;
        failures.push(error.message);
      }
    }
    if (failures.length === 0) return;
    if (!flags.force || !onlyMissing) throw new CliError(failures.join("\n"));
    context.printError(`${failures.join("\n")}\n`);
  },
});
