import { buildFlags } from "../build/build-flags.ts";
import { runBuild } from "../build/run-build.ts";
import { defineCommand, exactArgs } from "../command.ts";

export const command = defineCommand({
  usage: "[OPTIONS] PATH | URL | -",
  summary: "Make an image from a Dockerfile",
  aliases: ["image build", "build", "builder build", "buildx build", "buildx b"],
  args: exactArgs(1),
  flags: buildFlags,
  async run({ flags, args: [word = ""], given, context }) {
    return await runBuild({ flags, word, given, context });
  },
});
