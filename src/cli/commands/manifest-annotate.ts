import { parseReference } from "../../lib/image-reference.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { custom, string } from "../flag-types.ts";
import { ListStore } from "../manifest/list-store.ts";
import { orderedPlatform, referenceText } from "../manifest/manifest-entry.ts";
import { isKnownPlatform } from "../manifest/platforms.ts";

export const command = defineCommand({
  usage: "[OPTIONS] MANIFEST_LIST MANIFEST",
  summary: "Say which platform a manifest of a list is for",
  args: exactArgs(2),
  flags: {
    arch: string("Processor architecture"),
    os: string("Operating system"),
    "os-features": custom<string[]>(
      "strings",
      "Features that the operating system must have, with commas or repeated",
      () => [],
      (text, current) => [...current, ...text.split(",").filter(Boolean)],
    ),
    "os-version": string("Version of the operating system"),
    variant: string("Variant of the architecture"),
  },
  async run({ flags, args: [listName = "", name = ""], context }) {
    const list = referenceText(parseReference(listName));
    const member = referenceText(parseReference(name));
    const store = new ListStore(context.configDir);
    const entry = await store.findMember(list, member);
    if (entry === undefined) throw new CliError(`manifest for image ${name} does not exist in ${listName}`);
    const before = entry.Descriptor.platform ?? { architecture: "", os: "" };
    const features = [...new Set([...(before["os.features"] ?? []), ...flags["os-features"]])];
    const platform = orderedPlatform({
      architecture: flags.arch || before.architecture,
      os: flags.os || before.os,
      variant: flags.variant || before.variant,
      "os.version": flags["os-version"] || before["os.version"],
      "os.features": features,
    });
    if (!isKnownPlatform(platform.os, platform.architecture)) {
      throw new CliError(
        `manifest entry for image has unsupported os/arch combination: ${platform.os}/${platform.architecture}`,
      );
    }
    await store.save(list, { ...entry, Descriptor: { ...entry.Descriptor, platform } });
  },
});
