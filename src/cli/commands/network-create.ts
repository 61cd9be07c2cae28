import type { NetworkCreateRequest } from "../../model/network.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { strings } from "../csv-flag.ts";
import { bool, list, map, string } from "../flag-types.ts";
import { ipamPools } from "../ipam-pools.ts";
import { labelsFrom } from "../labels.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NETWORK",
  summary: "Make a network",
  args: exactArgs(1),
  flags: {
    attachable: bool("Let containers join by hand (swarm)"),
    "aux-address": map("Addresses that the driver keeps for itself, as name=address"),
    "config-from": string("Network to take the settings from"),
    "config-only": bool("Make a network that only lends its settings to others"),
    driver: string("Driver of the network", { short: "d", initial: "bridge" }),
    gateway: strings("Gateway of the subnet"),
    ingress: bool("Make the swarm's own mesh network"),
    internal: bool("No way in or out, only among its members"),
    "ip-range": strings("Part of the subnet that addresses are taken from"),
    "ipam-driver": string("Driver that hands out addresses", { initial: "default" }),
    "ipam-opt": map("An option of the driver that hands out addresses"),
    ipv4: bool("Give IPv4 addresses, or not", { initial: true }),
    ipv6: bool("Give IPv6 addresses, or not"),
    label: list("A label for the network"),
    opt: map("An option of the driver", { short: "o" }),
    scope: string("How far the network reaches"),
    subnet: strings("Subnet, such as 10.1.0.0/16"),
  },
  async run({ flags, args: [name = ""], given, context }) {
    const configOnly = flags["config-only"];
    const request: NetworkCreateRequest = {
      Name: name,
      // a network that only holds a configuration has no driver unless told
      Driver: configOnly && !given("driver") ? undefined : flags.driver,
      Scope: flags.scope || undefined,
      EnableIPv4: given("ipv4") ? flags.ipv4 : undefined,
      EnableIPv6: given("ipv6") ? flags.ipv6 : undefined,
      IPAM: {
        Driver: flags["ipam-driver"],
        Options: flags["ipam-opt"],
        Config: ipamPools({
          subnets: flags.subnet,
          ranges: flags["ip-range"],
          gateways: flags.gateway,
          auxAddresses: flags["aux-address"],
        }),
      },
      Internal: flags.internal,
      Attachable: flags.attachable,
      Ingress: flags.ingress,
      ConfigOnly: configOnly,
      ConfigFrom: flags["config-from"] ? { Network: flags["config-from"] } : undefined,
      Options: flags.opt,
      Labels: labelsFrom(flags.label),
    };
    const client = await context.client();
    const { Id, Warning } = await client.post<{ Id: string; Warning?: string }>("/networks/create", { json: request });
    if (Warning) context.printError(`WARNING: ${Warning}\n`);
    context.print(`${Id}\n`);
  },
});
