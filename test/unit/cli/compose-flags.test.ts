import { expect, test } from "bun:test";
import { join } from "node:path";
import { COMPOSE_ALIASES, COMPOSE_COMMANDS, REFUSED_COMMANDS } from "../../../src/cli/compose/command-table.ts";
import { GLOBAL_FLAGS } from "../../../src/cli/compose/global-flags.ts";
import type { FlagSet } from "../../../src/cli/flags.ts";

/** Every command and flag of docker compose 2.40, hidden ones too. */
const TABLE = (await Bun.file(join(import.meta.dir, "fixtures/compose-flags.csv")).text())
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => {
    const [command = "", flag = "", short = "", type = "", initial = ""] = line.split(",");
    return { command: command.replace(/^compose ?/, ""), flag: flag.replace(/^--/, ""), short, type, initial };
  });

const rows = TABLE.filter(({ command }) => !Object.hasOwn(REFUSED_COMMANDS, command.split(" ")[0]!));

async function flagsOf(command: string): Promise<FlagSet> {
  if (command === "") return GLOBAL_FLAGS;
  const load = COMPOSE_COMMANDS[COMPOSE_ALIASES[command] ?? command];
  if (!load) throw new Error(`compose ${command} is not here`);
  return (await load()).command.flags;
}

test.each([...new Set(rows.map(({ command }) => command))])(
  "compose %s takes docker compose's flags",
  async (command) => {
    const flags = await flagsOf(command);
    const wanted = rows.filter((row) => row.command === command && row.flag !== "");
    const missing = wanted.filter(({ flag }) => !Object.hasOwn(flags, flag)).map(({ flag }) => flag);
    expect(missing).toEqual([]);
    const differing = wanted.filter(({ flag, short, type }) => {
      const own = flags[flag]!;
      return (own.short ?? "") !== short || (own.bare !== undefined) !== (type === "bool");
    });
    expect(differing.map(({ flag }) => flag)).toEqual([]);
  },
);

/** Worked out where the command runs: from the terminal, the user's configuration, or what `config` prints anyway. */
const LATER_DEFAULTS = [
  "convert --format",
  "exec --no-tty",
  "ls --filter",
  "ps --format",
  "pull --no-parallel",
  "run --no-TTY",
  "volumes --format",
];

test("flags have docker compose's defaults", async () => {
  const differing: string[] = [];
  for (const { command, flag, initial } of rows.filter((row) => row.flag !== "")) {
    const own = (await flagsOf(command))[flag]!.initial();
    const text = Array.isArray(own) && own.length === 0 ? "" : String(own);
    if (text !== initial.replace("[]", "")) differing.push(`${command} --${flag}`.trim());
  }
  expect(differing.sort()).toEqual(LATER_DEFAULTS);
});

test("what is refused says what to do instead", () => {
  for (const advice of Object.values(REFUSED_COMMANDS)) expect(advice).toMatch(/use /);
});

/** Of newer docker composes, or of naru alone. */
const OWN = ["start --wait", "start --wait-timeout", "up --no-prefix"];

test("no command takes a flag that docker compose does not know, but for those of naru's own", async () => {
  const own: string[] = [];
  for (const [name, load] of Object.entries(COMPOSE_COMMANDS)) {
    const known = rows.filter(({ command }) => (COMPOSE_ALIASES[command] ?? command) === name).map(({ flag }) => flag);
    if (known.length === 0) continue;
    for (const flag of Object.keys((await load()).command.flags))
      if (!known.includes(flag)) own.push(`${name} --${flag}`);
  }
  expect(own.sort()).toEqual(OWN);
});
