import { bool, int, list, string } from "../flag-types.ts";
import type { FlagValues } from "../flags.ts";

/** Flags before the command's name: which project, and how everything is shown. */
export const GLOBAL_FLAGS = {
  "all-resources": bool("Networks, volumes, secrets and configs that no service uses too"),
  ansi: string('Colours and lines drawn anew: "never", "always" or "auto"', {
    initial: "auto",
    check: oneOf("never", "always", "auto"),
  }),
  compatibility: bool("Names of containers with underscores, as the first docker-compose wrote them"),
  "dry-run": bool("Only tell what would be done"),
  "env-file": list("Files of variables, instead of .env", { type: "stringArray" }),
  file: list('Compose files ("-" is standard input)', { short: "f", type: "stringArray" }),
  parallel: int("How many things are done at once; -1 for all", { initial: -1 }),
  profile: list("Profiles to enable", { type: "stringArray" }),
  progress: string('How progress is shown: "auto", "tty", "plain", "json" or "quiet"', {
    check: oneOf("", "auto", "tty", "plain", "json", "quiet"),
  }),
  "project-directory": string("The folder that paths refer to (default: that of the first file)"),
  "project-name": string("The project's name", { short: "p" }),
  // Of older versions.
  "no-ansi": bool("", { hidden: true, deprecated: "use --ansi never" }),
  verbose: bool("", { hidden: true, deprecated: "use --progress plain" }),
  version: bool("Print the version", { short: "v", hidden: true }),
  workdir: string("", { hidden: true, deprecated: "use --project-directory" }),
};

export type GlobalValues = FlagValues<typeof GLOBAL_FLAGS>;

/** A check that only these words pass. */
export function oneOf(...words: string[]) {
  return (text: string) => {
    if (!words.includes(text)) throw new Error(`must be one of ${words.filter(Boolean).join(", ")}`);
  };
}
