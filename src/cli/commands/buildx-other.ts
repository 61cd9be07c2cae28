import { CliError } from "../cli-error.ts";
import { type Command, defineCommand, minArgs } from "../command.ts";

const ADVICE: Record<string, string> = {
  bake: "it reads build files of docker's plugin: run that plugin against this daemon ('docker buildx bake'), or 'build'",
  create: "there is one builder, the daemon's own; point a context at another machine's daemon for another",
  rm: "there is one builder, the daemon's own, which cannot be removed",
  stop: "there is one builder, the daemon's own, which ends with the daemon",
  use: "there is one builder, the daemon's own, which is always in use",
  imagetools: "use 'manifest' and 'image inspect'",
  history: "run docker's plugin against this daemon ('docker buildx history')",
  "dial-stdio": "connect to the daemon's socket",
};

/** A command of docker's builder plugin that has no counterpart: it tells what to do instead. */
export function otherBuildxCommand(name: string): Command {
  return defineCommand({
    usage: "[OPTIONS]",
    summary: `What docker's plugin does by '${name}'`,
    args: minArgs(0),
    flags: {},
    takesAllWords: true,
    async run({ context }) {
      const advice = ADVICE[name.replace(/^buildx /, "")];
      throw new CliError(`${context.program}: '${name}' is not part of naru: ${advice}`);
    },
  });
}
