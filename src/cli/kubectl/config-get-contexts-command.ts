import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { readConfigFile } from "./config-file.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { TableText } from "./table-text.ts";

export const command = defineKubectlCommand({
  usage: "[(-o|--output=)name)] [options]",
  summary: "Describe one or many contexts",
  flags: {
    "no-headers": bool("Tables without titles"),
    output: string("name: only the names", { short: "o" }),
  },
  async run({ flags, args, context }) {
    if (!["", "name"].includes(flags.output))
      throw new CliError(`error: --output ${flags.output} is not available; use name`);
    const { config } = await readConfigFile(context);
    const missing = args.filter((name) => !config.contexts.some((one) => one.name === name));
    const shown = config.contexts
      .filter(({ name }) => args.length === 0 || args.includes(name))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
    if (flags.output === "name") context.print(shown.map(({ name }) => `${name}\n`).join(""));
    else {
      const titles = ["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"];
      const table = new TableText(flags["no-headers"] ? undefined : titles);
      for (const { name, context: one } of shown) {
        const mark = name === config["current-context"] ? "*" : "";
        table.add([mark, name, one.cluster ?? "", one.user ?? "", one.namespace ?? ""]);
      }
      context.print(table.print());
    }
    if (missing.length > 0) throw new CliError(missing.map((name) => `error: context ${name} not found`).join("\n"));
  },
});
