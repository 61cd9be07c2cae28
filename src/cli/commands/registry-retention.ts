import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { openRemoteRegistry } from "../registry-access.ts";
import { parseRegistryPlace } from "../registry-place.ts";

interface Removal {
  repository: string;
  tag?: string;
  digest: string;
  reason: string;
}
type Answer = { running: true } | { removals: Removal[]; failed?: Removal[] };

const SCOPES = ["registry:catalog:*"];

export const command = defineCommand({
  usage: "[OPTIONS] HOST[:PORT]",
  summary: "Remove what a registry's retention rules do not keep",
  description:
    "Remove what a registry's retention rules do not keep, and say why each goes.\n" +
    "The space is free after the registry's next collection.",
  args: exactArgs(1),
  flags: {
    "dry-run": bool("Only show what would be removed"),
    insecure: bool("Let the registry do without TLS or a known certificate"),
  },
  async run({ flags, args: [place = ""], context }) {
    const { host, repository } = parseRegistryPlace(place);
    if (repository !== undefined) throw new CliError(`${place}: the rules are for a whole registry, HOST[:PORT]`);
    const isDry = flags["dry-run"];
    const registry = await openRemoteRegistry(context, host, flags.insecure);
    const answer = (await registry.ask(isDry ? "GET" : "POST", "/v2/_naru/retention", SCOPES)) as Answer;
    if ("running" in answer) {
      context.print("It takes a while and goes on; the registry's log tells what was removed.\n");
      return;
    }
    const { removals, failed = [] } = answer;
    const verb = isDry ? "would be removed" : "removed";
    context.print(`${removals.map(removalLine).join("")}${removals.length} ${verb}\n`);
    if (failed.length > 0)
      throw new CliError(`${failed.length} could not be removed:\n${failed.map(removalLine).join("")}`);
  },
});

function removalLine({ repository, tag, digest, reason }: Removal): string {
  return `${tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`}  ${reason}\n`;
}
