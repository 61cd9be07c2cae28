import { realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { COMPOSE_FILE_NAMES } from "../../../compose/project-files.ts";
import { gitAddress } from "../../../compose/remote-address.ts";
import { type GitSource, parseGitSource } from "../../../lib/git-address.ts";
import { CliError } from "../../cli-error.ts";
import { cachedFolder, isThere } from "./remote-files.ts";

const COMMIT = /^[0-9a-f]{40}$/;

/**
 * The Compose file of a git repository: the one that the address names (`#ref:path`), or the usual one in the folder that it names. The
 * user's git does it, with the user's keys; it asks nobody. Throws CliError in git's words.
 */
export async function fetchFromGit(address: string, signal: AbortSignal): Promise<string> {
  const source = parseGitSource(gitAddress(address))!;
  const { checksum } = source;
  const commit = await resolveCommit(source, address, signal);
  if (checksum !== undefined && !commit.startsWith(checksum))
    throw new CliError(`${address}: expected checksum to match ${checksum}, got ${commit}`);
  const folder = await cachedFolder(commit, (draft) => checkOut(draft, source, commit, signal));
  return await fileIn(folder, source.subdir ?? "", address);
}

async function resolveCommit(
  { remote, ref = "HEAD" }: GitSource,
  address: string,
  signal: AbortSignal,
): Promise<string> {
  if (COMMIT.test(ref)) return ref;
  const { code, output, complaint } = await git(["ls-remote", "--exit-code", "--", remote, ref], signal);
  // git's own code for: nothing of that name.
  if (code === 2) throw new CliError(`repository does not contain ref ${address}`);
  if (code !== 0) throw new CliError(`failed to access repository at ${remote}:\n ${complaint}`);
  const commits = new Map(output.split("\n").map((line) => line.split("\t").reverse() as [string, string]));
  for (const name of [ref, `refs/${ref}`, `refs/tags/${ref}`, `refs/heads/${ref}`]) {
    // A tag with a message stands for itself: so docker compose names the folder, and git fetches it.
    const commit = commits.get(name);
    if (commit !== undefined && COMMIT.test(commit)) return commit;
  }
  throw new CliError(`repository does not contain ref ${address}`);
}

async function checkOut(folder: string, { remote }: GitSource, commit: string, signal: AbortSignal): Promise<void> {
  const steps = [
    ["init", "--quiet"],
    ["remote", "add", "--", "origin", remote],
    ["fetch", "--quiet", "--depth=1", "origin", commit],
    ["-c", "advice.detachedHead=false", "checkout", "--quiet", commit],
  ];
  for (const words of steps) {
    const { code, complaint } = await git(["-C", folder, ...words], signal);
    if (code !== 0) throw new CliError(`failed to fetch ${commit} of ${remote}:\n ${complaint}`);
  }
}

/** What the repository holds must not lead out of it. */
async function fileIn(folder: string, path: string, address: string): Promise<string> {
  const wanted = join(folder, path);
  if (path.startsWith("/") || (wanted !== folder && !wanted.startsWith(`${folder}${sep}`)))
    throw new CliError(`git subdirectory path traversal detected: ${path}`);
  const found = await stat(wanted).catch(() => undefined);
  if (!found) throw new CliError(`${address}: the repository has no ${path}`);
  const candidates = found.isDirectory() ? COMPOSE_FILE_NAMES.map((name) => join(wanted, name)) : [wanted];
  for (const file of candidates) {
    if (!(await isThere(file))) continue;
    if (!(await realpath(file)).startsWith(`${await realpath(folder)}${sep}`))
      throw new CliError(`${address}: ${path} leads out of the repository`);
    return file;
  }
  throw new CliError(`${address}: there is no Compose file (${COMPOSE_FILE_NAMES.join(", ")})`);
}

async function git(words: string[], signal: AbortSignal) {
  if (Bun.which("git") === null)
    throw new CliError("the program 'git' is not installed: install the package git to use projects of repositories");
  const env = {
    ...process.env,
    GIT_TERMINAL_PROMPT: process.env.GIT_TERMINAL_PROMPT || "0",
    ...(!process.env.GIT_SSH &&
      !process.env.GIT_SSH_COMMAND && { GIT_SSH_COMMAND: "ssh -o ControlMaster=no -o BatchMode=yes" }),
  };
  const child = Bun.spawn(["git", ...words], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe", signal });
  const [output, complaint, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  signal.throwIfAborted();
  return { code, output: output.trim(), complaint: complaint.trim() };
}
