import { CliError } from "./cli-error.ts";
import { type Command, defineCommand, minArgs } from "./command.ts";

/** A part of naru that a later version brings, and what to do until then. */
interface LaterPart {
  name: string;
  advice: string;
}
interface LaterCommand {
  summary: string;
  part: LaterPart;
}

const SWARM: LaterPart = { name: "Swarm", advice: "run containers with 'run'" };
const CHECKPOINTS: LaterPart = { name: "checkpoints", advice: "stop a container with 'pause' or 'stop'" };
const PLUGINS: LaterPart = { name: "managed plugins", advice: "use the built-in network and volume drivers" };

/**
 * Docker commands that this version does not have. They are known, so that one learns why they do nothing instead of
 * being offered a similar name.
 */
export const LATER_COMMANDS: Readonly<Record<string, LaterCommand>> = {
  config: { summary: "Settings files of a swarm", part: SWARM },
  node: { summary: "Machines of a swarm", part: SWARM },
  secret: { summary: "Secrets of a swarm", part: SWARM },
  service: { summary: "Services of a swarm", part: SWARM },
  stack: { summary: "Stacks of a swarm", part: SWARM },
  swarm: { summary: "The swarm", part: SWARM },
  checkpoint: { summary: "Checkpoints", part: CHECKPOINTS },
  plugin: { summary: "Plugins", part: PLUGINS },
};

/** The command that explains that `name` is not here yet. */
export function laterCommand(name: string): Command {
  const { summary, part } = LATER_COMMANDS[name]!;
  return defineCommand({
    usage: "[OPTIONS]",
    summary,
    description: `${summary}\n\nThis command comes with ${part.name}, not in this version. Until then ${part.advice}.`,
    args: minArgs(0),
    flags: {},
    takesAllWords: true,
    async run({ context }) {
      throw new CliError(
        `${context.program}: '${name}' comes with ${part.name}, not in this version; until then ${part.advice}`,
      );
    },
  });
}
