import type { ContainerInspect } from "../../model/container.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, rangeArgs } from "../command.ts";
import { objectPath } from "../object-path.ts";
import { hostPort } from "../rows/port-list.ts";
import { byNaturalOrder } from "../rows/row-text.ts";

export const command = defineCommand({
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  summary: "Show which ports of the host lead into a container",
  aliases: ["container port", "port"],
  args: rangeArgs(1, 2),
  flags: {},
  async run({ args: [name = "", wanted], context }) {
    const client = await context.client();
    const container = await client.get<ContainerInspect>(`${objectPath("container", name)}/json`);
    const ports = container.NetworkSettings?.Ports ?? {};
    const bindings = (port: string) => (ports[port] ?? []).map(({ HostIp, HostPort }) => hostPort(HostIp, HostPort));
    let lines: string[];
    if (wanted === undefined) {
      lines = Object.keys(ports).flatMap((port) => bindings(port).map((binding) => `${port} -> ${binding}`));
    } else {
      const port = wanted.includes("/") ? wanted : `${wanted}/tcp`;
      if (!ports[port]?.length) throw new CliError(`Error: No public port '${wanted}' published for ${name}`);
      lines = bindings(port);
    }
    context.print(
      lines
        .sort(byNaturalOrder)
        .map((line) => `${line}\n`)
        .join(""),
    );
  },
});
