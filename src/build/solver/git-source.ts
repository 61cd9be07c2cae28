/** A commit's files as a step's result; the commit is the key, so that a branch is asked for anew in every build. */
import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NaruError } from "../../lib/errors.ts";
import type { ClientSession } from "../contract.ts";
import type { BuildRun } from "./build-run.ts";
import type { ChangeParams } from "./build-worker.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import type { CacheRecord, CacheStore } from "./cache-store.ts";
import { GitCheckout } from "./git-checkout.ts";
import type { GitOperation } from "./graph.ts";
import { openAgentSocket } from "./ssh-relay.ts";

/** How the names of this daemon's checkouts begin. */
function gitPrefix(instance: string): string {
  return `naru-git-${instance}-`;
}

/** A path for a checkout, which does not exist yet. Not under the data root, which lets nobody in but root. */
export function newCheckoutDirectory(instance: string): string {
  return join(tmpdir(), `${gitPrefix(instance)}${randomBytes(8).toString("hex")}`);
}

/** Removes checkouts that an earlier process left. */
export async function sweepGitCheckouts(instance: string): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (name.startsWith(gitPrefix(instance))) await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

interface GitRun {
  operation: GitOperation;
  run: BuildRun;
  onOutput(text: string): void;
}

/** @throws {NaruError} not-found, unavailable, invalid for another commit than the checksum */
export async function bringGitTree(
  context: SolverContext,
  cache: CacheStore,
  { operation, run, onOutput }: GitRun,
): Promise<{ record: CacheRecord; isCached: boolean }> {
  await using undo = new AsyncDisposableStack();
  const directory = newCheckoutDirectory(context.config.instance);
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const authorization = await findAuthorization(operation.remote, run.request.session, run.signal);
  const agentSocket = await findAgent(context, operation.remote, run.request.session, undo);
  const checkout = new GitCheckout(directory, operation, {
    ...(authorization === undefined ? {} : { authorization }),
    ...(agentSocket === undefined ? {} : { agentSocket }),
    onOutput,
    signal: run.signal,
  });
  const commit = await checkout.resolve();
  checkCommit(operation, commit);
  const { remote, subdir = "", keepGitDir = false, skipSubmodules = false } = operation;
  const key = digestOf("git", remote, commit, subdir, String(keepGitDir), String(skipSubmodules));
  const known = cache.find(key);
  if (known) return { record: known, isCached: true };
  const { files, commitSeconds } = await checkout.checkOut(commit);
  const layer = await keepTree(context, { root: files, subdir, seconds: commitSeconds }, run.signal);
  const record = await cache.add({
    keys: [key],
    identity: digestOf("git tree", commit, subdir, String(keepGitDir), String(skipSubmodules)),
    layer,
    kind: "source.git.checkout",
    description: `git snapshot for ref ${commit}`,
    parents: [],
  });
  return { record, isCached: false };
}

function checkCommit({ checksum }: GitOperation, commit: string): void {
  if (checksum === undefined || commit.startsWith(checksum)) return;
  throw new NaruError("invalid", `expected checksum to match ${checksum}, got ${commit}`);
}

/** A token from the client's secrets, as BuildKit names them. */
export async function findAuthorization(
  remote: string,
  session: ClientSession | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!session || !URL.canParse(remote) || !/^https?:/.test(remote)) return undefined;
  const { host } = new URL(remote);
  for (const suffix of [`.${host}`, ""]) {
    const token = await session.readSecret(`GIT_AUTH_TOKEN${suffix}`, signal);
    if (token)
      return `basic ${Buffer.from(`x-access-token:${Buffer.from(token).toString("utf8").trim()}`).toString("base64")}`;
    const header = await session.readSecret(`GIT_AUTH_HEADER${suffix}`, signal);
    if (header) return Buffer.from(header).toString("utf8").trim();
  }
  return undefined;
}

/** The socket of the client's agent, for repositories that are reached by ssh. */
export async function findAgent(
  context: Parameters<typeof openAgentSocket>[0],
  remote: string,
  session: ClientSession | undefined,
  undo: AsyncDisposableStack,
): Promise<string | undefined> {
  if (/^(https?|git):/.test(remote)) return undefined;
  const mount = {
    type: "ssh",
    id: "default",
    required: false,
    uid: 65534,
    gid: 65534,
    mode: 0o600,
    target: "",
    readOnly: false,
  } as const;
  return await openAgentSocket(context, { mount, session }, undo);
}

/** Makes a layer of a directory's files, owned by root, all as old as `seconds` says. */
async function keepTree(
  context: SolverContext,
  { root, subdir, seconds }: { root: string; subdir: string; seconds: number },
  signal: AbortSignal,
): Promise<string> {
  await using undo = new AsyncDisposableStack();
  const draft = await context.workshop.openDraft();
  undo.defer(() => context.workshop.removeLayer(draft.id));
  const selection = {
    root,
    sources: [subdir || "/"],
    exclude: [],
    rootExclude: [],
    keepsParents: false,
    allowsNoMatch: false,
  };
  const params: ChangeParams = {
    root: draft.upperDir,
    actions: [
      {
        action: "copy",
        selection,
        destination: "/",
        isDirectory: true,
        owner: { uid: 0, gid: 0 },
        timeSeconds: seconds,
      },
    ],
    madeAtSeconds: seconds,
  };
  await context.pool.run("change", params, { signal });
  await context.workshop.keepDraft(draft);
  undo.move();
  return draft.id;
}
