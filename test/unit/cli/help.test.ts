import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GROUPS, isCommand, loadCommand } from "../../../src/cli/command-table.ts";
import { commandHelp, wrapText } from "../../../src/cli/help.ts";
import { LATER_COMMANDS } from "../../../src/cli/later-commands.ts";

const RECORDED = join(import.meta.dir, "../../../../shared/specs/compat/docker-cli-help.txt");

/** The help screens of docker's client by command, where the collection of specifications lies beside the project. */
function recordedScreens(): Map<string, string> {
  const screens = new Map<string, string>();
  if (!existsSync(RECORDED)) return screens;
  const parts = readFileSync(RECORDED, "utf8").split(/^=+\n\$ docker (.*) ?--help\n=+\n/m);
  for (let at = 1; at < parts.length; at += 2) screens.set(parts[at]!.trim(), parts[at + 1]!.trimEnd());
  return screens;
}

/** What a screen says in facts: usage, other names, and each flag with its letter and the word for its value. */
function facts(screen: string): string[] {
  const kept: string[] = [];
  for (const [index, line] of screen.split("\n").entries()) {
    const flag = /^ {2,6}(-\w, )?(--[\w-]+)( [\w<>[\]:|=-]+)?(?= {2}|$)/.exec(line);
    if (/^Usage:/.test(line)) kept.push(line.replace(/\s+/g, " "));
    else if (screen.split("\n")[index - 1] === "Aliases:") kept.push(line.trim());
    else if (flag) kept.push(`${flag[1] ?? ""}${flag[2]}${flag[3] ?? ""}`);
  }
  return kept;
}

describe("help screens name what docker's name, in words of our own", () => {
  const screens = recordedScreens();
  for (const [name, screen] of screens) {
    if (!isCommand(name) || Object.hasOwn(LATER_COMMANDS, name)) continue;
    // Recorded without the builder plugin, whose flags ours are (build-flags.test.ts).
    if (/(^| )build$/.test(name)) continue;
    test(name, async () => {
      const ours = commandHelp("docker", name, await loadCommand(name));
      expect(facts(ours)).toEqual(facts(screen));
    });
  }
  test.if(screens.size > 0)("there is a command for each recorded screen of its groups", () => {
    const missing = [...screens.keys()].filter((name) => {
      const group = name.split(" ")[0]!;
      const isOurs = Object.hasOwn(GROUPS, group) && name.includes(" ");
      return isOurs && !isCommand(name);
    });
    expect(missing).toEqual([]);
  });
});

describe("wrapText", () => {
  const cases: [text: string, indent: number, columns: number, wrapped: string][] = [
    ["short", 10, 79, "short"],
    ["one two three four five six seven", 50, 79, `one two three four five\n${" ".repeat(50)}six seven`],
    ["a word over", 70, 79, `\n${" ".repeat(16)}a word over`],
  ];
  for (const [text, indent, columns, wrapped] of cases) {
    test(JSON.stringify(text), () => expect(wrapText(text, indent, columns)).toBe(wrapped));
  }
});
