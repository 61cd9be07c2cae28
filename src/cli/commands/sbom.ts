import { writeFile } from "node:fs/promises";
import { errorText } from "../../lib/errors.ts";
import { machineArchitecture } from "../../lib/machine-architecture.ts";
import { type PlatformWish, parsePlatform } from "../../lib/platform.ts";
import type { Digest } from "../../model/image.ts";
import { attachSbom, readAttachedSbom } from "../attached-sbom.ts";
import { CliError } from "../cli-error.ts";
import { type CommandContext, defineCommand, exactArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";
import { platformQuery } from "../platform.ts";
import { openRemoteImage } from "../registry-access.ts";

const FORMATS = ["spdx-json", "spdx-tag-value", "cyclonedx-json", "table"];

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE",
  summary: "List what is installed in an image: its software bill of materials",
  description: `List what is installed in an image: its software bill of materials

The image is read by the daemon, without running it: the databases of dpkg, apk and rpm, the packages of npm, Python, Java, Ruby
and PHP, and those that Go and Rust programs were built from. The same image gives the same bytes.`,
  example: "naru sbom --format table debian:bookworm",
  args: exactArgs(1),
  flags: {
    attach: bool("Also put it beside the image in its registry, as SPDX (an OCI referrer)"),
    attached: bool("Print the one that lies beside the image in its registry, rather than making one"),
    format: string(`How to write it: ${FORMATS.join(", ")}`, { initial: "spdx-json" }),
    insecure: bool("Let the registry speak plain HTTP or show an unknown certificate"),
    output: string("Write to this file rather than standard output", { short: "o" }),
    platform: string('Platform of the image, "os[/arch[/variant]]" (default: that of the daemon)'),
  },
  async run({ flags, given, args: [image = ""], context }) {
    if (!FORMATS.includes(flags.format)) {
      throw new CliError(`there is no format "${flags.format}"; choose ${FORMATS.join(", ")}`);
    }
    if (flags.attached && flags.attach)
      throw new CliError("--attach makes a document, --attached reads one; choose one");
    if (flags.attached && given("format")) {
      throw new CliError("--attached prints the document as it is; leave --format out");
    }
    if (flags.attach && flags.format !== "spdx-json")
      throw new CliError("--attach takes SPDX only: --format spdx-json");
    if (flags.attached) {
      const remote = await openRemoteImage(context, image, { actions: "pull", isInsecure: flags.insecure });
      await write(context, flags.output, await readAttachedSbom(remote, image, wishedPlatform(flags.platform)));
      return;
    }
    const client = await context.client();
    const answer = await client.send("GET", `/naru${objectPath("image", image)}/sbom`, {
      query: { format: flags.format, platform: platformQuery(flags.platform) },
    });
    const document = await answer.text();
    if (flags.attach) {
      const remote = await openRemoteImage(context, image, { actions: "pull,push", isInsecure: flags.insecure });
      const { subject, artifact } = await attachSbom(
        remote,
        answer.headers.get("naru-image-manifest") as Digest,
        document,
      );
      context.printError(`attached to ${subject.digest}: ${artifact.digest}\n`);
      if (flags.output === "") return;
    }
    await write(context, flags.output, document);
  },
});

async function write(context: CommandContext, path: string, document: string): Promise<void> {
  if (path === "") {
    context.print(document);
    return;
  }
  try {
    await writeFile(path, document);
  } catch (error) {
    throw new CliError(`cannot write ${path}: ${errorText(error)}`);
  }
}

/** This machine's, when none is wished. */
function wishedPlatform(text: string): PlatformWish {
  return text === "" ? { os: "linux", architecture: machineArchitecture() } : parsePlatform(text);
}
