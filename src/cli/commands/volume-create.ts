import type { Volume } from "../../model/volume.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, maxArgs } from "../command.ts";
import { bytes, list, map, string } from "../flag-types.ts";
import { labelsFrom } from "../labels.ts";

const CLUSTER_FLAGS = [
  "availability",
  "group",
  "limit-bytes",
  "required-bytes",
  "scope",
  "secret",
  "sharing",
  "topology-preferred",
  "topology-required",
  "type",
] as const;

export const command = defineCommand({
  usage: "[OPTIONS] [VOLUME]",
  summary: "Make a volume",
  args: maxArgs(1),
  flags: {
    availability: string('Cluster Volume availability ("active", "pause", "drain")', { initial: "active" }),
    driver: string("Driver of the volume", { short: "d", initial: "local" }),
    group: string("Group of the cluster volume (cluster volumes)"),
    label: list("A label for the volume"),
    "limit-bytes": bytes("Smallest size of the cluster volume, in bytes"),
    name: string("Specify volume name", { hidden: true }),
    opt: map("An option of the driver", { short: "o" }),
    "required-bytes": bytes("Largest size of the cluster volume, in bytes"),
    scope: string('Cluster Volume access scope ("single", "multi")', { initial: "single" }),
    secret: map("Secrets of the cluster volume"),
    sharing: string('Cluster Volume access sharing ("none", "readonly", "onewriter", "all")', { initial: "none" }),
    "topology-preferred": list("Where the cluster volume would best be reachable"),
    "topology-required": list("Where the cluster volume has to be reachable"),
    type: string('Cluster Volume access type ("mount", "block")', { initial: "block" }),
  },
  async run({ flags, args, given, context }) {
    const asked = CLUSTER_FLAGS.find((name) => given(name));
    if (asked) throw new CliError(`--${asked} is for cluster volumes, which need a swarm; leave it out for local ones`);
    if (args[0] !== undefined && flags.name !== "") {
      throw new CliError(
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
      );
    }
    const client = await context.client();
    const volume = await client.post<Volume>("/volumes/create", {
      json: {
        Name: args[0] ?? flags.name,
        Driver: flags.driver,
        DriverOpts: flags.opt,
        Labels: labelsFrom(flags.label),
      },
    });
    context.print(`${volume.Name}\n`);
  },
});
