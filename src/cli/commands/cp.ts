import { dirname, isAbsolute, join } from "node:path";
import { CliError } from "../cli-error.ts";
import { type CommandContext, defineCommand, exactArgs } from "../command.ts";
import { readStat, statInContainer } from "../copy/container-stat.ts";
import {
  type CopyPlan,
  type CopySide,
  followedLink,
  planCopy,
  renamed,
  splitContainerPath,
  splitPath,
} from "../copy/copy-paths.ts";
import { CopyProgress } from "../copy/copy-progress.ts";
import { checkDestination, fullPath, localDestination, localSource } from "../copy/local-side.ts";
import { packPath } from "../copy/pack.ts";
import { unpackArchive } from "../copy/unpack.ts";
import { bool } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";
import { writeOut } from "../output.ts";

interface CopyOptions {
  followLink: boolean;
  keepOwner: boolean;
  quiet: boolean;
}

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tdocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
  summary: "Copy files into a container or out of it",
  description: `Copy files into a container or out of it

With '-' as the source, a tar from standard input is unpacked into
a folder of the container. With '-' as the target, what is copied
out comes as a tar on standard output.`,
  aliases: ["container cp", "cp"],
  args: exactArgs(2),
  flags: {
    archive: bool("Keep owners (uid and gid)", { short: "a" }),
    "follow-link": bool("Copy what links in SRC_PATH lead to", { short: "L" }),
    quiet: bool("No progress. There is none anyway without a terminal", { short: "q" }),
  },
  async run({ flags, args: [source = "", destination = ""], context }) {
    if (source === "") throw new CliError("source can not be empty");
    if (destination === "") throw new CliError("destination can not be empty");
    const from = splitContainerPath(source);
    const to = splitContainerPath(destination);
    const options = { followLink: flags["follow-link"], keepOwner: flags.archive, quiet: flags.quiet };
    if (from.container && to.container) throw new CliError("copying between containers is not supported");
    if (from.container) await copyOut(context, from.container, from.path, to.path, options);
    else if (to.container) await copyIn(context, from.path, to.container, to.path, options);
    else throw new CliError("must specify at least one container source");
  },
});

async function copyOut(
  context: CommandContext,
  container: string,
  path: string,
  destination: string,
  { followLink, quiet }: CopyOptions,
): Promise<void> {
  const target = destination === "-" ? "-" : fullPath(destination);
  if (target !== "-") await checkDestination(target);
  const client = await context.client();
  let source: { path: string; rebaseName?: string } = { path };
  if (followLink) {
    const found = await statInContainer(client, container, path).catch(() => undefined);
    if (found?.linkTarget) source = followedLink(path, absoluteTarget(path, found.linkTarget));
  }
  const answer = await client.send("GET", `${objectPath("container", container)}/archive`, {
    query: { path: source.path },
  });
  if (target === "-") {
    for await (const chunk of answer.chunks()) writeOut(chunk);
    return;
  }
  const side: CopySide = { path: source.path, exists: true, isDirectory: readStat(answer.headers).isDirectory };
  const plan = followedPlan(planCopy(side, await localDestination(target)), source);
  const progress = new CopyProgress(context, "Copying from container", quiet);
  try {
    await unpackArchive(progress.count(answer.chunks()), plan);
  } catch (error) {
    progress.clear();
    throw error;
  }
  progress.finish(target);
}

/** The archive of a link's target carries the target's name; under its old name the link was asked for. */
function followedPlan(plan: CopyPlan, { path, rebaseName }: { path: string; rebaseName?: string }): CopyPlan {
  if (rebaseName === undefined || plan.rename) return plan;
  return { ...plan, rename: { from: splitPath(path).base, to: rebaseName } };
}

async function copyIn(
  context: CommandContext,
  source: string,
  container: string,
  path: string,
  { followLink, keepOwner, quiet }: CopyOptions,
): Promise<void> {
  const client = await context.client();
  const destination: CopySide = { path, exists: false, isDirectory: false };
  // an error here means that the path does not exist yet; all else the upload will tell
  let found = await statInContainer(client, container, path).catch(() => undefined);
  if (found?.linkTarget) {
    destination.path = absoluteTarget(path, found.linkTarget);
    found = await statInContainer(client, container, destination.path).catch(() => undefined);
  }
  if (found) Object.assign(destination, { exists: true, isDirectory: found.isDirectory });
  let folder = destination.path;
  let content: AsyncIterable<Uint8Array>;
  if (source === "-") {
    if (!destination.isDirectory) throw new CliError(`destination "${container}:${path}" must be a directory`);
    content = Bun.stdin.stream();
  } else {
    const side = await localSource(fullPath(source), followLink);
    const base = side.rebaseName ?? splitPath(side.path).base;
    const plan = planCopy(side, destination);
    folder = plan.folder;
    content = packPath(side.path, renamed(base, plan.rename));
  }
  const progress = new CopyProgress(context, "Copying to container", quiet);
  try {
    await client.send("PUT", `${objectPath("container", container)}/archive`, {
      query: { path: folder, noOverwriteDirNonDir: "true", copyUIDGID: keepOwner ? "true" : undefined },
      headers: { "Content-Type": "application/x-tar" },
      body: progress.count(content),
    });
  } catch (error) {
    progress.clear();
    throw error;
  }
  progress.finish(`${container}:${folder === destination.path ? path : destination.path}`);
}

function absoluteTarget(path: string, target: string): string {
  return isAbsolute(target) ? target : join(dirname(path), target);
}
