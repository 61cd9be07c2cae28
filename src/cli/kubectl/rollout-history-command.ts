import { CliError } from "../cli-error.ts";
import { int } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { templateText } from "./describe/pod-volumes.ts";
import { objectPrinter } from "./output-format.ts";
import { objectPath } from "./resource-arguments.ts";
import { printedName } from "./resource-types.ts";
import { ROLLOUT_FLAGS, rolloutTargets } from "./rollout-change.ts";
import { keptRevisions } from "./rollout-revisions.ts";
import { TableText } from "./table-text.ts";
import { checkRolled, type PodTemplateHolder } from "./workload-kinds.ts";

export const command = defineKubectlCommand({
  usage: "(TYPE NAME | TYPE/NAME) [flags] [options]",
  summary: "List the revisions of a workload",
  flags: { ...ROLLOUT_FLAGS, revision: int("The details of this revision") },
  async run({ flags, args, context }) {
    const api = await context.api();
    const printer = await objectPrinter(flags);
    for (const target of await rolloutTargets(context, args, flags)) {
      checkRolled(target.type, "history", target.name);
      const object = await api.get<PodTemplateHolder>(objectPath(target));
      const kept = await keptRevisions(context, target, object);
      const name = printedName(target.type, target.name);
      if (flags.revision > 0) {
        const found = kept.find(({ revision }) => revision === flags.revision);
        if (found === undefined) throw new CliError("error: unable to find the specified revision");
        if (printer !== undefined) context.print(printer(found.object));
        else context.print(`${name} with revision #${flags.revision}\n${templateText(found.template)}\n`);
        continue;
      }
      if (printer !== undefined) {
        const separator = flags.output.toLowerCase() === "yaml" ? "---\n" : "";
        context.print(kept.map((one) => printer(one.object)).join(separator));
        continue;
      }
      const table = new TableText(["REVISION", "CHANGE-CAUSE"]);
      for (const { revision, cause } of kept) table.add([String(revision), cause]);
      context.print(`${name} \n${table.print()}\n`);
    }
  },
});
