import { CliError } from "../cli-error.ts";
import { exactArgs } from "../command.ts";
import { int, string } from "../flag-types.ts";
import { hostPort } from "../rows/port-list.ts";
import { defineComposeCommand } from "./declaration.ts";
import { findServiceContainer, nameOf } from "./project-containers.ts";

const HIGHEST_PORT = 65535;

export const command = defineComposeCommand({
  usage: "[OPTIONS] SERVICE PRIVATE_PORT",
  summary: "Show where a port of a service is published",
  args: exactArgs(2),
  dryRun: "reads",
  flags: {
    index: int("Which of the service's containers"),
    protocol: string("tcp or udp", { initial: "tcp" }),
  },
  async run({ flags, args: [service = "", text = ""], context }) {
    const [digits = "", written] = text.split("/");
    const protocol = (written ?? flags.protocol).toLowerCase();
    const port = Number(digits);
    if (!/^\d+$/.test(digits) || port > HIGHEST_PORT) throw new CliError(`${JSON.stringify(text)} is no port`);
    const name = await context.projectName();
    const container = await findServiceContainer(await context.client(), name, service, { index: flags.index });
    const ports = container.Ports ?? [];
    const found = ports.find((each) => each.PrivatePort === port && each.Type === protocol && each.PublicPort);
    if (found) {
      context.print(`${hostPort(found.IP ?? "", String(found.PublicPort))}\n`);
      return;
    }
    const published = ports.filter(({ PublicPort }) => PublicPort).map((each) => `${each.PrivatePort}/${each.Type}`);
    const others = published.length === 0 ? "none is published" : `published are ${[...new Set(published)].join(", ")}`;
    throw new CliError(`no port ${port}/${protocol} for container ${nameOf(container)}: ${others}`);
  },
});
