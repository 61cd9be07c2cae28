import { expect, test } from "bun:test";
import { KUBECTL_COMMANDS, SUMMARIES } from "../../../../src/cli/kubectl/command-table.ts";

test("help, which loads no command, says of each what it says itself", async () => {
  const own: Record<string, string> = {};
  for (const [name, load] of Object.entries(KUBECTL_COMMANDS)) own[name] = (await load()).command.summary;
  expect(own).toEqual(SUMMARIES);
});
