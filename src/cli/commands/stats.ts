import type { ContainerSummary } from "../../model/container.ts";
import type { ContainerStats } from "../../model/system.ts";
import { CliError } from "../cli-error.ts";
import type { ApiClient } from "../client.ts";
import { type CommandContext, defineCommand, minArgs } from "../command.ts";
import { bool, format } from "../flag-types.ts";
import { rowsText } from "../format.ts";
import { objectPath } from "../object-path.ts";
import { STATS_KIND, statsRow } from "../rows/stats-row.ts";
import { StatsBoard } from "../stats-board.ts";

const REDRAW_INTERVAL_MS = 500;

/** 128 and the signal's number. */
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 };

export const command = defineCommand({
  usage: "[OPTIONS] [CONTAINER...]",
  summary: "Show what containers use, again and again",
  aliases: ["container stats", "stats"],
  args: minArgs(0),
  flags: {
    all: bool("Those that do not run too", { short: "a" }),
    format: format(),
    "no-stream": bool("Print one reading and end"),
    "no-trunc": bool("Show whole ids and texts"),
  },
  async run({ flags, args, context }) {
    const chosen = flags.format || ((await context.config()).statsFormat ?? "");
    const client = await context.client();
    const show = (board: StatsBoard) =>
      rowsText(
        STATS_KIND,
        board.samples().map((sample) => statsRow(sample, !flags["no-trunc"])),
        { format: chosen },
      );
    if (flags["no-stream"]) await printOnce(context, client, args, flags.all, show);
    else return await redraw(context, client, args, flags.all, show);
  },
});

async function printOnce(
  context: CommandContext,
  client: ApiClient,
  names: readonly string[],
  all: boolean,
  show: (board: StatsBoard) => string,
): Promise<void> {
  const board = new StatsBoard();
  const wanted = names.length > 0 ? names : await listIds(client, all);
  const failures: string[] = [];
  for (const name of wanted) board.add(name);
  await Promise.all(
    wanted.map(async (name) => {
      try {
        const path = `${objectPath("container", name)}/stats`;
        board.update(name, await client.get<ContainerStats>(path, { query: { stream: "0" } }));
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        board.remove(name);
        // a container may go away between the listing and the question
        if (names.length > 0) failures.push(error.message);
      }
    }),
  );
  if (failures.length > 0) throw new CliError(failures.join("\n"));
  context.print(show(board));
}

async function redraw(
  context: CommandContext,
  client: ApiClient,
  names: readonly string[],
  all: boolean,
  show: (board: StatsBoard) => string,
): Promise<number | undefined> {
  const board = new StatsBoard();
  const leave = new AbortController();
  let exitCode: number | undefined;
  for (const [name, code] of Object.entries(SIGNAL_EXIT_CODES)) {
    process.once(name, () => {
      exitCode = code;
      leave.abort();
    });
  }
  const start = async (name: string) => {
    board.add(name);
    await board.follow(client, name, leave.signal);
  };
  const wanted = names.length > 0 ? names : await listIds(client, all);
  if (names.length > 0) for (const name of wanted) await client.get(`${objectPath("container", name)}/json`);
  for (const name of wanted) void start(name);
  if (names.length === 0) void board.followEvents(client, all, start, leave.signal);
  while (!leave.signal.aborted) {
    await board.changed(leave.signal, REDRAW_INTERVAL_MS);
    if (leave.signal.aborted) break;
    // home, the text with every line's old rest cleared, then what is left of the screen below
    context.print(`\x1b[H${show(board).replaceAll("\n", "\x1b[K\n")}\x1b[J`);
    if (names.length > 0 && board.isEmpty) break;
  }
  return exitCode;
}

async function listIds(client: ApiClient, all: boolean): Promise<string[]> {
  const containers = await client.get<ContainerSummary[]>("/containers/json", { query: { all } });
  return containers.map(({ Id }) => Id);
}
