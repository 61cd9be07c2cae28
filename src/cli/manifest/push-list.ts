/** Sends a list to its registry: its members first, taken over from the repositories where they are, then itself. */
import type { RemoteRepository } from "../../distribution/contract.ts";
import { parseReference, repositoryOf } from "../../lib/image-reference.ts";
import type { Descriptor, Manifest } from "../../model/image.ts";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command.ts";
import { openRemoteImage } from "../registry-access.ts";
import { indexText, listMediaType, type ManifestEntry } from "./manifest-entry.ts";

interface PushTarget {
  context: CommandContext;
  repository: RemoteRepository;
  isInsecure: boolean;
}

/** Prints each member that had to be brought into the repository; resolves to the list's digest. */
export async function pushList(
  context: CommandContext,
  list: string,
  entries: readonly ManifestEntry[],
  isInsecure: boolean,
): Promise<string> {
  const wanted = parseReference(list);
  for (const { Ref } of entries) {
    const { domain } = parseReference(Ref);
    if (domain === wanted.domain) continue;
    throw new CliError(
      `cannot use source images from a different registry than the target image: ${domain} != ${wanted.domain}`,
    );
  }
  const sources = [...new Set(entries.map(({ Ref }) => parseReference(Ref).path))];
  const { repository, target } = await openRemoteImage(context, list, {
    actions: "pull,push",
    isInsecure,
    mountFrom: sources.filter((path) => path !== wanted.path),
  });
  for (const entry of entries) {
    const from = parseReference(entry.Ref).path;
    if (from === wanted.path) continue;
    await bringMember({ context, repository, isInsecure }, entry, from);
    const { digest } = entry.Descriptor;
    context.print(`Pushed ref ${repositoryOf(wanted)}@${digest} with digest: ${digest}\n`);
  }
  const mediaType = listMediaType(entries);
  const text = indexText(
    mediaType,
    entries.map((entry) => entry.Descriptor),
  );
  const pushed = await repository.pushManifest(target, { mediaType, bytes: new TextEncoder().encode(text) });
  return pushed.digest;
}

async function bringMember(target: PushTarget, entry: ManifestEntry, from: string): Promise<void> {
  const bytes = Buffer.from(entry.Raw, "base64");
  const { config, layers }: Manifest = JSON.parse(bytes.toString());
  for (const blob of [config, ...layers]) await bringBlob(target, entry, blob, from);
  const { mediaType, digest } = entry.Descriptor;
  await target.repository.pushManifest(digest, { mediaType, bytes });
}

async function bringBlob(target: PushTarget, entry: ManifestEntry, blob: Descriptor, from: string): Promise<void> {
  const { context, repository, isInsecure } = target;
  if (await repository.hasBlob(blob.digest)) return;
  if (await repository.mountBlob(blob.digest, from)) return;
  const source = await openRemoteImage(context, entry.Ref, { actions: "pull", isInsecure });
  await repository.pushBlob(blob, { open: (offset) => source.repository.readBlob(blob, { offset }) });
}
