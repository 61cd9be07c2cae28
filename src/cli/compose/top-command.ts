import type { ContainerTop } from "../../model/container.ts";
import { minArgs } from "../command.ts";
import { alignCells } from "../rows/aligned-cells.ts";
import { byCodePoint } from "../rows/row-text.ts";
import { defineComposeCommand } from "./declaration.ts";
import { listProjectContainers, nameOf, numberOf, serviceNameOf } from "./project-containers.ts";

const LEAST_WIDTH = 4;
const PADDING = 2;

export const command = defineComposeCommand({
  usage: "[SERVICES...]",
  summary: "Show the processes of the services",
  args: minArgs(0),
  dryRun: "reads",
  flags: {},
  async run({ args, context }) {
    const name = await context.projectName();
    const client = await context.client();
    const containers = await listProjectContainers(client, name, { services: args, oneOffs: "include" });
    containers.sort((a, b) => byCodePoint(serviceNameOf(a), serviceNameOf(b)) || numberOf(a) - numberOf(b));
    if (containers.length === 0) return;
    const tops = await Promise.all(
      containers.map((container) => client.get<ContainerTop>(`/containers/${container.Id}/top`)),
    );
    // A container with another ps may have columns of its own.
    const titles = [...new Set(tops.flatMap(({ Titles }) => Titles))];
    const rows = tops.flatMap(({ Titles, Processes }, index) => {
      const container = containers[index]!;
      const number = numberOf(container) === 0 ? nameOf(container).split("-").at(-1)! : String(numberOf(container));
      return (Processes ?? []).map((cells) => [
        serviceNameOf(container),
        number,
        ...titles.map((title) => cells[Titles.indexOf(title)] ?? "-"),
      ]);
    });
    context.print(alignCells([["SERVICE", "#", ...titles], ...rows], LEAST_WIDTH, PADDING));
  },
});
