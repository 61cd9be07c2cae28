import { errorText, isKind } from "../../lib/errors.ts";
import { parseReference, type Reference } from "../../lib/image-reference.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, minArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { ListStore } from "../manifest/list-store.ts";
import { fetchEntry, type ManifestEntry, referenceText } from "../manifest/manifest-entry.ts";
import { openRemoteImage } from "../registry-access.ts";

export const command = defineCommand({
  usage: "MANIFEST_LIST MANIFEST [MANIFEST...]",
  summary: "Begin a list of manifests, to be annotated and pushed",
  args: minArgs(2),
  flags: {
    amend: bool("Add to a list that is there already", { short: "a" }),
    insecure: bool("Let the registry do without TLS or a known certificate"),
  },
  async run({ flags, args: [listName = "", ...names], context }) {
    const list = referenceText(parseFor(`manifest list ${listName}`, listName));
    const store = new ListStore(context.configDir);
    if (!flags.amend && (await store.findList(list)) !== undefined) {
      throw new CliError("refusing to amend an existing manifest list with no --amend flag");
    }
    const entries: ManifestEntry[] = [];
    for (const name of names) {
      parseFor(`manifest ${name}`, name);
      const remote = await openRemoteImage(context, name, { actions: "pull", isInsecure: flags.insecure });
      const found = await fetchEntry(remote).catch((error: unknown) => {
        throw isKind(error, "not-found") ? new CliError(`no such manifest: ${name}`) : error;
      });
      if ("index" in found) throw new CliError(`${name} is a manifest list`);
      entries.push(found.entry);
    }
    for (const entry of entries) await store.save(list, entry);
    context.print(`Created manifest list ${list}\n`);
  },
});

function parseFor(what: string, name: string): Reference {
  try {
    return parseReference(name);
  } catch (error) {
    throw new CliError(`error parsing name for ${what}: ${errorText(error)}`);
  }
}
