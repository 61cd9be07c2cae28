import { humanSize } from "../../lib/human-size.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, minArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { showAction } from "../show-action.ts";

/** The daemon's last word, see VerifyReport of the image store. */
interface Report {
  Images: number;
  Blobs: number;
  Layers: number;
  Bytes: number;
  Problems: { Image: string; Kind: "blob" | "layer"; Digest: string; Problem: string }[];
}

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  summary: "Read images back and tell what is damaged",
  description: `Read images back and tell what is damaged.

Every blob is compared with its digest, and every unpacked file with the layer that it came from. What is damaged is
replaced when the image is pulled or loaded again. The exit code is 1 when something is damaged.`,
  args: minArgs(0),
  flags: {
    all: bool("All images", { short: "a" }),
    quiet: bool("Print only what is damaged", { short: "q" }),
  },
  async run({ flags, args, context }) {
    if (flags.all === args.length > 0) throw new CliError("name the images to verify, or say --all");
    const client = await context.client();
    const answer = await client.send("POST", "/naru/images/verify", { json: { Images: args } });
    let report: Report | undefined;
    await showAction(context, answer, {
      quiet: flags.quiet,
      onAux: (aux) => {
        report = aux as Report;
      },
    });
    if (report === undefined) throw new CliError("the daemon ended before it was done");
    for (const { Image, Kind, Digest, Problem } of report.Problems) {
      context.print(`image ${Image}: ${Kind} ${Digest} ${Problem}\n`);
    }
    const { Images, Blobs, Layers, Bytes, Problems } = report;
    const counts = [counted(Images, "image"), counted(Blobs, "blob"), counted(Layers, "layer")];
    const read = `${counts.join(", ")}, ${humanSize(Bytes)} read`;
    if (Problems.length > 0) {
      throw new CliError(`${Problems.length} damaged (${read}); pull or load the image again to repair it`);
    }
    if (!flags.quiet) context.print(`All is as it should be: ${read}\n`);
  },
});

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
