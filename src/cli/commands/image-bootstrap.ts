import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { strings } from "../csv-flag.ts";
import { bool, list, string } from "../flag-types.ts";
import { showAction } from "../show-action.ts";
import { splitWords } from "../split-words.ts";

export const command = defineCommand({
  usage: "[OPTIONS] DISTRIBUTION:SUITE",
  summary: "Make a base image from a distribution's packages, without a registry",
  description: `Make a base image from a distribution's packages, without a registry.

The suite is one that mmdebstrap knows, such as debian:bookworm or ubuntu:noble. The image is like any other:
run it, commit to it, save it, remove it.`,
  example: "naru image bootstrap debian:bookworm --include nginx --tag web --cmd 'nginx -g \"daemon off;\"'",
  args: exactArgs(1),
  flags: {
    arch: string('Architecture of the packages, such as "amd64" (default: that of the daemon)'),
    cmd: string("Command that containers run when they are given none: words, or a JSON array"),
    entrypoint: string("Program that containers always run: words, or a JSON array"),
    env: list("Set environment variables in the image", { short: "e" }),
    include: strings("Packages to install beside the base system"),
    quiet: bool("Print only the image's ID", { short: "q" }),
    tag: string('Name of the image in the "name:tag" format (default: the suite)', { short: "t" }),
  },
  async run({ flags, args: [suite = ""], context }) {
    const client = await context.client();
    const answer = await client.send("POST", "/naru/images/bootstrap", {
      json: {
        Suite: suite,
        Include: flags.include,
        Tag: flags.tag || undefined,
        Cmd: commandWords(flags.cmd),
        Entrypoint: commandWords(flags.entrypoint),
        Env: flags.env,
        Arch: flags.arch || undefined,
      },
    });
    let id: string | undefined;
    await showAction(context, answer, {
      quiet: flags.quiet,
      onAux: (aux) => {
        id = (aux as { ID?: string }).ID ?? id;
      },
    });
    if (flags.quiet && id !== undefined) context.print(`${id}\n`);
  },
});

/** A command line as the image keeps it; undefined when none was given. */
function commandWords(text: string): string[] | undefined {
  if (text === "") return undefined;
  if (!text.startsWith("[")) return splitWords(text);
  try {
    const words: unknown = JSON.parse(text);
    if (Array.isArray(words) && words.every((word) => typeof word === "string")) return words;
  } catch {
    // explained below
  }
  throw new CliError(
    `${text}: a command in brackets must be a JSON array of texts, such as ["nginx","-g","daemon off;"]`,
  );
}
