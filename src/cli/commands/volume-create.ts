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
  summary: "Create a volume",
  args: maxArgs(1),
  flags: {
    availability: string('Cluster Volume availability ("active", "pause", "drain")', { initial: "active" }),
    driver: string("Specify volume driver name", { short: "d", initial: "local" }),
    group: string("Cluster Volume group (cluster volumes)"),
    label: list("Set metadata for a volume"),
    "limit-bytes": bytes("Minimum size of the Cluster Volume in bytes"),
    name: string("Specify volume name", { hidden: true }),
    opt: map("Set driver specific options", { short: "o" }),
    "required-bytes": bytes("Maximum size of the Cluster Volume in bytes"),
    scope: string('Cluster Volume access scope ("single", "multi")', { initial: "single" }),
    secret: map("Cluster Volume secrets"),
    sharing: string('Cluster Volume access sharing ("none", "readonly", "onewriter", "all")', { initial: "none" }),
    "topology-preferred": list("A topology that the Cluster Volume would be preferred in"),
    "topology-required": list("A topology that the Cluster Volume must be accessible from"),
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
