/** The mounts of a RUN: trees of other steps, cache directories, memory, secrets, agents. */
import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../../lib/errors.ts";
import { closeFd, fromRaw, O, openInRoot, openPath, readLinkAt, toRaw } from "../../linux/file-calls.ts";
import { errorCode } from "../../linux/sys-error.ts";
import type { ResolvedMount } from "../../runtime/contract.ts";
import type { ChangeParams } from "./build-worker.ts";
import type { SolverContext } from "./builder-parts.ts";
import type { ExecRun } from "./exec-step.ts";
import type { ExecMount } from "./graph.ts";
import { openAgentSocket } from "./ssh-relay.ts";
import type { StepResult } from "./step-result.ts";
import type { TreeAction } from "./tree-changes.ts";

const SECRET_SPACE_BYTES = 16 << 20;

type Kind<Type extends ExecMount["type"]> = ExecMount & { type: Type };

/** Opens all mounts (undone through `undo`) and answers environment variables that come with them. */
export async function openExecMounts(
  context: SolverContext,
  run: ExecRun,
  undo: AsyncDisposableStack,
): Promise<{ mounts: ResolvedMount[]; env: string[] }> {
  const { operation } = run;
  const secrets = new SecretFiles(context, run, undo);
  const mounts: ResolvedMount[] = [];
  const env = await secretEnvironment(run);
  for (const [index, mount] of inLockOrder(operation.mounts)) {
    const source = run.mountSources[index];
    const resolved = await openMount({ context, run, undo, secrets }, mount, source);
    if (resolved) mounts.push(resolved);
    if (mount.type === "ssh" && resolved && !operation.env.some((entry) => entry.startsWith("SSH_AUTH_SOCK="))) {
      if (!env.some((entry) => entry.startsWith("SSH_AUTH_SOCK="))) env.push(`SSH_AUTH_SOCK=${mount.target}`);
    }
  }
  return { mounts, env };
}

/** Cache directories first, by id: steps that lock several of them never wait for each other in a circle. */
function inLockOrder(mounts: readonly ExecMount[]): [index: number, mount: ExecMount][] {
  const lockId = (mount: ExecMount) => (mount.type === "cache" ? mount.id : undefined);
  return [...mounts.entries()].sort(([, a], [, b]) => {
    const [first, second] = [lockId(a), lockId(b)];
    if (first === undefined || second === undefined) return Number(first === undefined) - Number(second === undefined);
    return first < second ? -1 : Number(first > second);
  });
}

interface Opening {
  context: SolverContext;
  run: ExecRun;
  undo: AsyncDisposableStack;
  secrets: SecretFiles;
}

async function openMount(
  opening: Opening,
  mount: ExecMount,
  source: StepResult | undefined,
): Promise<ResolvedMount | undefined> {
  const base = { destination: mount.target, readOnly: mount.readOnly, propagation: "", recursive: false };
  switch (mount.type) {
    case "bind":
      return { ...base, type: "bind", options: [], source: await openBind(opening, mount, source) };
    case "cache":
      return {
        ...base,
        type: "bind",
        options: [],
        source: await openCache(opening, mount, source),
      };
    case "tmpfs": {
      const size = mount.sizeBytes > 0 ? [`size=${mount.sizeBytes}`] : [];
      return { ...base, type: "tmpfs", source: "tmpfs", options: ["exec", "dev", ...size] };
    }
    case "secret": {
      const path = await opening.secrets.open(mount);
      return path === undefined ? undefined : { ...base, type: "bind", options: [], source: path, readOnly: true };
    }
    case "ssh": {
      const path = await openAgentSocket(opening.context, { mount, session: opening.run.session }, opening.undo);
      return path === undefined ? undefined : { ...base, type: "bind", options: [], source: path };
    }
  }
}

async function openBind(
  { context, undo }: Opening,
  mount: Kind<"bind">,
  source: StepResult | undefined,
): Promise<string> {
  const directories = directoriesOf(context, source);
  if (mount.readOnly && directories.length > 0) {
    const view = await context.views.openLayers(directories);
    undo.defer(() => view.close());
    return placeInside(view.path, mount.source);
  }
  // What is written there goes with the draft.
  const draft = await context.workshop.openDraft();
  undo.defer(() => context.workshop.removeLayer(draft.id));
  const view = await context.views.openWritable(directories, draft);
  undo.defer(() => view.close());
  return placeInside(view.path, mount.source);
}

async function openCache(
  { context, run, undo }: Opening,
  mount: Kind<"cache">,
  source: StepResult | undefined,
): Promise<string> {
  const make = async (path: string) => {
    await makeOwnedDirectory(path, mount);
    if (source) await seedCache(context, path, { mount, source, signal: run.signal });
  };
  const request = { mount, seedIdentity: source?.identity ?? "", make, signal: run.signal };
  return await context.cacheMounts.open(request, undo);
}

async function seedCache(
  context: SolverContext,
  path: string,
  { mount, source, signal }: { mount: Kind<"cache">; source: StepResult; signal: AbortSignal },
): Promise<void> {
  const view = await context.views.openLayers(directoriesOf(context, source));
  try {
    const selection = {
      root: view.path,
      sources: [mount.source],
      exclude: [],
      rootExclude: [],
      keepsParents: false,
      allowsNoMatch: false,
    };
    const actions: TreeAction[] = [{ action: "copy", selection, destination: "/", isDirectory: true }];
    const params: ChangeParams = { root: path, actions, madeAtSeconds: Math.floor(Date.now() / 1000) };
    await context.pool.run("change", params, { signal });
  } finally {
    await view.close();
  }
}

/** Directories of a result, oldest first. */
export function directoriesOf({ workshop }: SolverContext, source: StepResult | undefined): string[] {
  if (source?.context) return [source.context.directory];
  return source?.layers.map((layer) => workshop.directoryOf(layer)) ?? [];
}

/**
 * Host path of what lies at `path` inside a tree, links followed inside it only.
 * @throws {NaruError} not-found
 */
export function placeInside(root: string, path: string): string {
  const rootFd = openPath(root, O.PATH | O.DIRECTORY);
  try {
    const fd = openInRoot(rootFd, toRaw(path).replace(/^\/+/, ""), O.PATH);
    try {
      return fromRaw(readLinkAt(-1, `/proc/self/fd/${fd}`));
    } finally {
      closeFd(fd);
    }
  } catch (error) {
    if (errorCode(error) !== "ENOENT" && errorCode(error) !== "ENOTDIR") throw error;
    throw new NaruError("not-found", `${JSON.stringify(path)}: not found`);
  } finally {
    closeFd(rootFd);
  }
}

/** Files in memory, readable by the step alone. */
class SecretFiles {
  private directory: Promise<string> | undefined;
  private count = 0;

  constructor(
    private readonly context: SolverContext,
    private readonly run: ExecRun,
    private readonly undo: AsyncDisposableStack,
  ) {}

  /** Undefined for an optional secret that the client does not have. */
  async open(mount: Kind<"secret">): Promise<string | undefined> {
    const value = await readSecret(this.run, mount);
    if (value === undefined) return undefined;
    this.directory ??= this.openMemory();
    this.count += 1;
    const path = join(await this.directory, String(this.count));
    await writeFile(path, value, { mode: 0o600 });
    await chmod(path, mount.mode);
    await chown(path, mount.uid, mount.gid);
    return path;
  }

  private async openMemory(): Promise<string> {
    const view = await this.context.views.openMemory(SECRET_SPACE_BYTES);
    this.undo.defer(() => view.close());
    return view.path;
  }
}

async function readSecret(
  { session, signal }: ExecRun,
  { id, required }: { id: string; required: boolean },
): Promise<Uint8Array | undefined> {
  const value = await session?.readSecret(id, signal);
  if (value === undefined && required) throw new NaruError("not-found", `secret ${id}: not found`);
  return value;
}

async function secretEnvironment(run: ExecRun): Promise<string[]> {
  const env: string[] = [];
  for (const { name, id, required } of run.operation.secretEnv ?? []) {
    const value = await readSecret(run, { id, required });
    if (value !== undefined) env.push(`${name}=${Buffer.from(value).toString("utf8")}`);
  }
  return env;
}

/** Makes a directory with these owners and permissions, whatever the umask. */
async function makeOwnedDirectory(path: string, owner: { uid: number; gid: number; mode: number }): Promise<void> {
  await mkdir(path, { recursive: true });
  await chown(path, owner.uid, owner.gid);
  await chmod(path, owner.mode);
}
