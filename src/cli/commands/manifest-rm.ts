import { parseReference } from "../../lib/image-reference.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, minArgs } from "../command.ts";
import { ListStore } from "../manifest/list-store.ts";
import { referenceText } from "../manifest/manifest-entry.ts";

export const command = defineCommand({
  usage: "MANIFEST_LIST [MANIFEST_LIST...]",
  summary: "Forget lists of manifests on this machine",
  args: minArgs(1),
  flags: {},
  async run({ args, context }) {
    const store = new ListStore(context.configDir);
    const missing: string[] = [];
    for (const name of args) {
      const list = referenceText(parseReference(name));
      if ((await store.findList(list)) === undefined) missing.push(`No such manifest: ${list}`);
      else await store.remove(list);
    }
    if (missing.length > 0) throw new CliError(missing.join("\n"));
  },
});
