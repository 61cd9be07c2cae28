import type { EndpointIPAMConfig, EndpointSettings } from "../../model/network.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { strings } from "../csv-flag.ts";
import { int, list, string } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NETWORK CONTAINER",
  summary: "Join a container to a network",
  args: exactArgs(2),
  flags: {
    alias: strings("A further name on that network"),
    "driver-opt": strings("Options of the driver"),
    "gw-priority": int("Whose gateway is the default one: the highest number wins"),
    ip: string('IPv4 address (e.g., "172.30.100.104")'),
    ip6: string('IPv6 address (e.g., "2001:db8::33")'),
    link: list("Another container to be reachable by a name"),
    "link-local-ip": strings("A link-local address for this membership"),
  },
  async run({ flags, args: [network = "", container = ""], context }) {
    const addresses: EndpointIPAMConfig = {
      IPv4Address: flags.ip || undefined,
      IPv6Address: flags.ip6 || undefined,
      LinkLocalIPs: flags["link-local-ip"].length > 0 ? flags["link-local-ip"] : undefined,
    };
    const settings: EndpointSettings = {
      IPAMConfig: addresses,
      Links: flags.link,
      Aliases: flags.alias,
      DriverOpts: driverOptions(flags["driver-opt"]),
      GwPriority: flags["gw-priority"],
    };
    const client = await context.client();
    await client.post(`${objectPath("network", network)}/connect`, {
      json: { Container: container, EndpointConfig: settings },
    });
  },
});

function driverOptions(texts: readonly string[]): Record<string, string> {
  const options: Record<string, string> = {};
  for (const text of texts) {
    const equals = text.indexOf("=");
    const name = text.slice(0, equals).trim();
    if (equals < 0 || name === "") throw new CliError("invalid key/value pair format in driver options");
    options[name] = text.slice(equals + 1).trim();
  }
  return options;
}
