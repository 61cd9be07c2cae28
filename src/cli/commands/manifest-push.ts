import { parseReference } from "../../lib/image-reference.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { ListStore } from "../manifest/list-store.ts";
import { referenceText } from "../manifest/manifest-entry.ts";
import { pushList } from "../manifest/push-list.ts";

export const command = defineCommand({
  usage: "[OPTIONS] MANIFEST_LIST",
  summary: "Send a list of manifests to its registry",
  args: exactArgs(1),
  flags: {
    insecure: bool("Let the registry do without TLS or a known certificate"),
    purge: bool("Forget the list on this machine afterwards", { short: "p" }),
  },
  async run({ flags, args: [name = ""], context }) {
    const list = referenceText(parseReference(name));
    const store = new ListStore(context.configDir);
    const entries = await store.findList(list);
    if (entries === undefined) throw new CliError(`No such manifest: ${list}`);
    context.print(`${await pushList(context, list, entries, flags.insecure)}\n`);
    if (flags.purge) await store.remove(list);
  },
});
