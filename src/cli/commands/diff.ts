import type { FilesystemChange } from "../../model/container.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { objectPath } from "../object-path.ts";

const LETTERS = ["C", "A", "D"];

export const command = defineCommand({
  usage: "CONTAINER",
  summary: "Show which files a container has changed",
  aliases: ["container diff", "diff"],
  args: exactArgs(1),
  flags: {},
  async run({ args: [name = ""], context }) {
    const client = await context.client();
    const changes = await client.get<FilesystemChange[] | null>(`${objectPath("container", name)}/changes`);
    context.print((changes ?? []).map(({ Kind, Path }) => `${LETTERS[Kind]} ${Path}\n`).join(""));
  },
});
