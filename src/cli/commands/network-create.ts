import type { NetworkCreateRequest } from "../../model/network.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { strings } from "../csv-flag.ts";
import { bool, list, map, string } from "../flag-types.ts";
import { ipamPools } from "../ipam-pools.ts";
import { labelsFrom } from "../labels.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NETWORK",
  summary: "Create a network",
  args: exactArgs(1),
  flags: {
    attachable: bool("Enable manual container attachment"),
    "aux-address": map("Auxiliary IPv4 or IPv6 addresses used by Network driver"),
    "config-from": string("The network from which to copy the configuration"),
    "config-only": bool("Create a configuration only network"),
    driver: string("Driver to manage the Network", { short: "d", initial: "bridge" }),
    gateway: strings("IPv4 or IPv6 Gateway for the master subnet"),
    ingress: bool("Create swarm routing-mesh network"),
    internal: bool("Restrict external access to the network"),
    "ip-range": strings("Allocate container ip from a sub-range"),
    "ipam-driver": string("IP Address Management Driver", { initial: "default" }),
    "ipam-opt": map("Set IPAM driver specific options"),
    ipv4: bool("Enable or disable IPv4 address assignment", { initial: true }),
    ipv6: bool("Enable or disable IPv6 address assignment"),
    label: list("Set metadata on a network"),
    opt: map("Set driver specific options", { short: "o" }),
    scope: string("Control the network's scope"),
    subnet: strings("Subnet in CIDR format that represents a network segment"),
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
