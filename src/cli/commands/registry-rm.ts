import { CliError } from "../cli-error.ts";
import { type CommandContext, defineCommand, forEachName, minArgs } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool } from "../flag-types.ts";
import { openRemoteImage, openRemoteRegistry } from "../registry-access.ts";
import { parseRegistryPlace } from "../registry-place.ts";

export const command = defineCommand({
  usage: "[OPTIONS] HOST[:PORT]/REPOSITORY[:TAG|@DIGEST] [...]",
  summary: "Remove tags, manifests or whole repositories from a registry",
  description:
    "Remove tags, manifests (by digest, with all tags) or whole repositories (--all, at naru's registries).\n" +
    "Space is freed by the registry's next collection; 'naru registry gc' asks for one.",
  aliases: ["registry rm", "registry remove"],
  args: minArgs(1),
  flags: {
    all: bool("Remove the whole repository", { short: "a" }),
    force: bool("Do not ask first", { short: "f" }),
    insecure: bool("Let the registry do without TLS or a known certificate"),
  },
  async run({ flags, args, context }) {
    if (flags.all && !flags.force && !confirm(context, question(args))) return;
    await forEachName(context, args, (name) =>
      flags.all ? removeRepository(context, name, flags.insecure) : removeManifest(context, name, flags.insecure),
    );
  },
});

function question(names: readonly string[]): string {
  return `WARNING! This will remove every image of ${names.join(", ")}.\nAre you sure you want to continue?`;
}

async function removeManifest(context: CommandContext, name: string, isInsecure: boolean): Promise<void> {
  parseRegistryPlace(name.split("@")[0]!.replace(/:[^/:]*$/, ""));
  const { repository, reference, target } = await openRemoteImage(context, name, {
    actions: "pull,push,delete",
    isInsecure,
  });
  if (reference.tag === undefined && reference.digest === undefined) {
    throw new CliError(`${name}: name a tag or a digest, or remove the whole repository with --all`);
  }
  await repository.deleteManifest(target);
}

async function removeRepository(context: CommandContext, name: string, isInsecure: boolean): Promise<void> {
  const { host, repository } = parseRegistryPlace(name);
  if (repository === undefined || /[:@]/.test(repository)) {
    throw new CliError(`${name}: --all takes a repository, as HOST[:PORT]/REPOSITORY`);
  }
  const registry = await openRemoteRegistry(context, host, isInsecure);
  await registry.ask("DELETE", `/v2/_naru/repositories/${repository}`, [`repository:${repository}:delete`]);
}
