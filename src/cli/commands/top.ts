import type { ContainerTop } from "../../model/container.ts";
import { defineCommand, minArgs } from "../command.ts";
import { objectPath } from "../object-path.ts";
import { alignCells } from "../rows/aligned-cells.ts";

export const command = defineCommand({
  usage: "CONTAINER [ps OPTIONS]",
  summary: "Show the processes of a container",
  aliases: ["container top", "top"],
  args: minArgs(1),
  flags: {},
  interspersed: false,
  async run({ args, context }) {
    const [name = "", ...options] = args;
    const client = await context.client();
    const top = await client.get<ContainerTop>(`${objectPath("container", name)}/top`, {
      query: { ps_args: options.length > 0 ? options.join(" ") : undefined },
    });
    context.print(alignCells([top.Titles, ...(top.Processes ?? [])], 20, 3));
  },
});
