import { isKind } from "../../lib/errors.ts";
import { parseReference } from "../../lib/image-reference.ts";
import { MEDIA } from "../../model/media-types.ts";
import { CliError } from "../cli-error.ts";
import { type CommandContext, defineCommand, rangeArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { indentJson } from "../indent-json.ts";
import { ListStore } from "../manifest/list-store.ts";
import {
  fetchEntry,
  fetchMembers,
  indexText,
  listMediaType,
  type ManifestEntry,
  referenceText,
} from "../manifest/manifest-entry.ts";
import { openRemoteImage } from "../registry-access.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [MANIFEST_LIST] MANIFEST",
  summary: "Show a manifest or a list of manifests",
  args: rangeArgs(1, 2),
  flags: {
    insecure: bool("Let the registry do without TLS or a known certificate"),
    verbose: bool("Show layers and platforms too", { short: "v" }),
  },
  async run({ flags, args, context }) {
    const [first = "", second] = args;
    const store = new ListStore(context.configDir);
    const list = referenceText(parseReference(first));
    if (second !== undefined) {
      const member = await store.findMember(list, referenceText(parseReference(second)));
      if (member === undefined) throw new CliError(`No such manifest: ${second}`);
      return showEntry(context, member, flags.verbose);
    }
    const entries = await store.findList(list);
    if (entries !== undefined) {
      const descriptors = entries.map((entry) => entry.Descriptor);
      return context.print(flags.verbose ? jsonText(entries) : `${indexText(listMediaType(entries), descriptors)}\n`);
    }
    await showRemote(context, first, flags);
  },
});

async function showRemote(
  context: CommandContext,
  name: string,
  { insecure, verbose }: { insecure: boolean; verbose: boolean },
): Promise<void> {
  const remote = await openRemoteImage(context, name, { actions: "pull", isInsecure: insecure });
  const found = await fetchEntry(remote).catch((error: unknown) => {
    throw isKind(error, "not-found") ? new CliError(`no such manifest: ${name}`) : error;
  });
  if ("entry" in found) return showEntry(context, found.entry, verbose);
  const { index } = found;
  if (verbose) return context.print(jsonText(await fetchMembers(remote, index)));
  context.print(`${indexText(index.mediaType ?? MEDIA.index, index.manifests)}\n`);
}

function showEntry(context: CommandContext, entry: ManifestEntry, verbose: boolean): void {
  // The manifest's own text, so that keys and numbers stay as they are in the registry.
  const text = verbose ? jsonText(entry) : `${indentJson(Buffer.from(entry.Raw, "base64").toString(), "\t")}\n`;
  context.print(text);
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, "\t")}\n`;
}
