import type { ContainerInspect } from "../../model/container.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { Demultiplexer } from "../multiplexed.ts";
import { objectPath } from "../object-path.ts";
import { writeOutput } from "../stream-session.ts";
import { parseTimestamp } from "../timestamp.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  summary: "Show what a container has printed",
  aliases: ["container logs", "logs"],
  args: exactArgs(1),
  flags: {
    details: bool("Attributes of the log too"),
    follow: bool("Go on as more is printed", { short: "f" }),
    since: string('Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
    tail: string("How many of the last lines to show", { short: "n", initial: "all" }),
    timestamps: bool("Times too", { short: "t" }),
    until: string('Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
  },
  async run({ flags, args, context }) {
    const client = await context.client();
    const name = args[0]!;
    const query = {
      stdout: true,
      stderr: true,
      follow: flags.follow,
      tail: flags.tail,
      timestamps: flags.timestamps,
      details: flags.details,
      since: timestampOf("since", flags.since),
      until: timestampOf("until", flags.until),
    };
    const answer = await client.send("GET", `${objectPath("container", name)}/logs`, { query });
    const demultiplexer = (await isRaw(answer.headers.get("content-type"))) ? undefined : new Demultiplexer();
    for await (const bytes of answer.chunks()) await writeOutput(bytes, demultiplexer);

    /** The type of the answer tells whether the container has a terminal; daemons before 1.42 have to be asked. */
    async function isRaw(type: string | undefined): Promise<boolean> {
      if (type?.includes("multiplexed")) return false;
      if (!type?.includes("raw-stream")) return (await inspect()).Config.Tty === true;
      return client.isAtLeast("1.42") || (await inspect()).Config.Tty === true;
    }
    function inspect() {
      return client.get<ContainerInspect>(`${objectPath("container", name)}/json`);
    }
  },
});

function timestampOf(flag: string, text: string): string | undefined {
  if (text === "") return undefined;
  try {
    return parseTimestamp(text);
  } catch (error) {
    throw new CliError(`invalid value for ${JSON.stringify(flag)}: ${(error as Error).message}`);
  }
}
