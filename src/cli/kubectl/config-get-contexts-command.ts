import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";
import { TableText } from "./table-text.ts";

export const command = defineKubectlCommand({
  usage: "[(-o|--output=)name)] [options]",
  summary: "List the contexts of the kubeconfig",
  flags: {
    "no-headers": bool("Tables without titles"),
    output: string("name: only the names", { short: "o" }),
  },
  async run({ flags, args, context }) {
    if (!["", "name"].includes(flags.output)) {
      throw new CliError(
        `error: --output ${flags.output} is not available in kubectl config get-contexts; resetting to default output format`,
      );
    }
    const { contexts, current } = await new KubeconfigFiles(context.kubeconfig.path).read();
    const missing = args.filter((name) => !contexts.has(name));
    const shown = [...contexts.keys()].filter((name) => args.length === 0 || args.includes(name)).sort();
    if (flags.output === "name") context.print(shown.map((name) => `${name}\n`).join(""));
    else {
      const titles = ["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"];
      const table = new TableText(flags["no-headers"] ? undefined : titles);
      for (const name of shown) {
        const { cluster = "", user = "", namespace = "" } = contexts.get(name)!.value as Record<string, string>;
        table.add([name === current ? "*" : "", name, cluster, user, namespace]);
      }
      context.print(table.print());
    }
    if (missing.length > 0) throw new CliError(missing.map((name) => `error: context ${name} not found`).join("\n"));
  },
});
