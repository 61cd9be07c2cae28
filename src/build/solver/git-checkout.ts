/**
 * Files of a git repository by the git program: as an unprivileged user, without hooks, without anybody's configuration, over
 * the network's protocols only.
 */
import { spawn } from "node:child_process";
import { chown, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../../lib/errors.ts";

const NOBODY = 65534;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const COMMIT = /^[0-9a-f]{40}$/;

interface GitTree {
  remote: string;
  /** Branch, tag, commit or full ref; absent: HEAD. */
  ref?: string;
  keepGitDir?: boolean;
  skipSubmodules?: boolean;
}

/** What git may use to get in. */
interface GitAccess {
  /** Value of an Authorization header for the remote's host. */
  authorization?: string;
  /** Socket of an SSH agent. */
  agentSocket?: string;
  onOutput?(text: string): void;
  signal: AbortSignal;
}

export class GitCheckout {
  /** `directory` is the checkout's own; it must not exist. The caller removes it. */
  constructor(
    private readonly directory: string,
    private readonly tree: GitTree,
    private readonly access: GitAccess,
  ) {}

  /** The commit that the ref stands for now. @throws {NaruError} not-found, unavailable with git's own words */
  async resolve(): Promise<string> {
    const { ref, remote } = this.tree;
    if (ref !== undefined && COMMIT.test(ref)) return ref;
    const wanted = ref ?? "HEAD";
    const patterns =
      wanted === "HEAD" || wanted.startsWith("refs/") ? [wanted] : [`refs/heads/${wanted}`, `refs/tags/${wanted}`];
    await this.prepare();
    const output = await this.git(["ls-remote", "--", remote, ...patterns.flatMap((name) => [name, `${name}^{}`])]);
    const found = new Map(output.split("\n").map((line) => line.split("\t").reverse() as [string, string]));
    for (const name of patterns) {
      // A tag with a message points at itself; what it tags has the suffix.
      const commit = found.get(`${name}^{}`) ?? found.get(name);
      if (commit && COMMIT.test(commit)) return commit;
    }
    throw new NaruError("not-found", `repository does not contain ref ${wanted}, output: ${JSON.stringify(output)}`);
  }

  /** Checks the commit out. @returns the directory of its files and its time in seconds */
  async checkOut(commit: string): Promise<{ files: string; commitSeconds: number }> {
    const { remote, ref, keepGitDir, skipSubmodules } = this.tree;
    await this.prepare();
    const files = join(this.directory, "files");
    await mkdir(files, { mode: 0o755 });
    await chown(files, NOBODY, NOBODY);
    const inFiles = (words: string[]) => this.git(["-C", files, ...words]);
    await inFiles(["init", "--quiet", "--initial-branch=main"]);
    await inFiles(["remote", "add", "origin", remote]);
    await this.fetch(inFiles, commit, ref);
    await inFiles(["-c", "advice.detachedHead=false", "checkout", "--quiet", "--force", commit]);
    if (!skipSubmodules) await inFiles(["submodule", "update", "--quiet", "--init", "--recursive", "--depth=1"]);
    const commitSeconds = Number(await inFiles(["log", "-1", "--format=%ct", commit]));
    if (!keepGitDir) await removeGitDirectories(files);
    return { files, commitSeconds };
  }

  /** As little as the server gives: not every one gives a commit by its id, and plain file servers only give everything. */
  private async fetch(
    inFiles: (words: string[]) => Promise<string>,
    commit: string,
    ref: string | undefined,
  ): Promise<void> {
    const shallow = ["fetch", "--quiet", "--depth=1", "--no-tags", "origin", "--"];
    const attempts = [
      [...shallow, commit],
      ...(ref === undefined || COMMIT.test(ref) ? [] : [[...shallow, ref]]),
      ["fetch", "--quiet", "--tags", "origin"],
    ];
    let failure: unknown;
    for (const words of attempts) {
      try {
        await inFiles(words);
        return;
      } catch (error) {
        this.access.signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }

  private async prepare(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    await chown(this.directory, NOBODY, NOBODY);
  }

  private git(words: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn("git", words, {
        uid: NOBODY,
        gid: NOBODY,
        cwd: this.directory,
        env: this.environment(),
        stdio: ["ignore", "pipe", "pipe"],
        signal: this.access.signal,
        killSignal: "SIGKILL",
      });
      let output = "";
      let complaint = "";
      child.stdout.on("data", (data: Buffer) => {
        if (output.length < MAX_OUTPUT_BYTES) output += data.toString("utf8");
      });
      child.stderr.on("data", (data: Buffer) => {
        const text = data.toString("utf8");
        if (complaint.length < MAX_OUTPUT_BYTES) complaint += text;
        this.access.onOutput?.(text);
      });
      child.on("error", (error) => reject(this.startError(error)));
      child.on("close", (code) => {
        if (code === 0) resolve(output.trim());
        else
          reject(
            new NaruError("unavailable", `git ${describe(words)} failed: ${complaint.trim() || `exit code ${code}`}`),
          );
      });
    });
  }

  private startError(error: Error): unknown {
    if (this.access.signal.aborted) return this.access.signal.reason;
    if ((error as { code?: string }).code !== "ENOENT") return error;
    return new NaruError(
      "unavailable",
      "the program 'git' is not installed: install the package git to build from repositories",
    );
  }

  private environment(): Record<string, string> {
    const { authorization, agentSocket } = this.access;
    const settings: [key: string, value: string][] = [
      ["core.hooksPath", "/dev/null"],
      ["core.fsmonitor", "false"],
      ["core.symlinks", "true"],
      ["protocol.file.allow", "never"],
      ["protocol.ext.allow", "never"],
      ["gc.auto", "0"],
      ["safe.directory", "*"],
    ];
    // Through the environment: a command line is readable by every user of the machine.
    if (authorization !== undefined)
      settings.push([`http.${this.tree.remote}.extraHeader`, `Authorization: ${authorization}`]);
    const env: Record<string, string> = {
      PATH: process.env.PATH ?? "/usr/bin:/bin",
      HOME: this.directory,
      LC_ALL: "C",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_TERMINAL_PROMPT: "0",
      GIT_SSH_COMMAND: `ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${join(this.directory, "known_hosts")}`,
      GIT_CONFIG_COUNT: String(settings.length),
      ...(agentSocket === undefined ? {} : { SSH_AUTH_SOCK: agentSocket }),
    };
    for (const name of ["http_proxy", "https_proxy", "no_proxy"]) {
      const value = process.env[name];
      if (value) env[name] = value;
    }
    for (const [index, [key, value]] of settings.entries()) {
      env[`GIT_CONFIG_KEY_${index}`] = key;
      env[`GIT_CONFIG_VALUE_${index}`] = value;
    }
    return env;
  }
}

/** The first word that is no option or path. */
function describe(words: string[]): string {
  return (
    words.find((word, index) => !word.startsWith("-") && words[index - 1] !== "-C" && words[index - 1] !== "-c") ?? ""
  );
}

/** Also the files that name a submodule's repository. */
async function removeGitDirectories(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.name === ".git") await rm(path, { recursive: true, force: true });
    else if (entry.isDirectory()) await removeGitDirectories(path);
  }
}
