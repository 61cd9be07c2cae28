/** Runs an exec operation: its own sandbox, cgroup and root; what it changed becomes a layer as it lies. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LayerHandle } from "../../image/contract.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import { findLayeredEntry } from "../../linux/overlay-layers.ts";
import type { HostConfig } from "../../model/container.ts";
import type { SandboxRequest } from "../../network/contract.ts";
import type { ContainerProcess, OutputChunk, ResolvedMount, StartRequest } from "../../runtime/contract.ts";
import type { BuildRequest, ClientSession } from "../contract.ts";
import type { SolverContext } from "./builder-parts.ts";
import { openExecMounts } from "./exec-mounts.ts";
import { checkCanRun } from "./foreign-platform.ts";
import type { ExecOperation } from "./graph.ts";
import type { StepResult } from "./step-result.ts";

const SIGKILL = 9;
const DEFAULT_HOSTNAME = "buildkitsandbox";

/** What a run needs beside its operation. */
export interface ExecRun {
  operation: ExecOperation;
  root: StepResult;
  /** Results of the mounts' `from`, in the order of the mounts. */
  mountSources: readonly (StepResult | undefined)[];
  session: ClientSession | undefined;
  onOutput(chunk: OutputChunk): void | Promise<void>;
  onRunning(containerId: string): void;
  signal: AbortSignal;
}

/**
 * @returns the new layer, or undefined when the process changed nothing
 * @throws {NaruError} invalid `process "…" did not complete successfully: exit code: N`; nothing is left behind then
 */
export async function runExec(context: SolverContext, run: ExecRun): Promise<LayerHandle | undefined> {
  const { workshop } = context;
  await checkCanRun(run.operation.root);
  const device = run.operation.devices?.find(({ required }) => required);
  if (device) {
    throw new NaruError(
      "not-implemented",
      `device ${device.name}: naru does not read CDI specifications; mark it required=false, or do without it`,
    );
  }
  await using undo = new AsyncDisposableStack();
  const draft = await workshop.openDraft();
  undo.defer(() => workshop.removeLayer(draft.id));
  const id = randomBytes(32).toString("hex");
  const layers = run.root.layers.map((layer) => workshop.directoryOf(layer)).reverse();
  const root = { lowerDirs: [...layers, workshop.baseDirectory], upperDir: draft.upperDir, workDir: draft.workDir };
  const places = await runProcess(context, run, { id, root });
  const { isEmpty } = await context.pool.run<{ isEmpty: boolean }>("stubs", { upperDir: draft.upperDir, places });
  run.signal.throwIfAborted();
  if (isEmpty) return undefined;
  await workshop.keepDraft(draft);
  undo.move();
  return { kind: "built", id: draft.id };
}

type Place = { path: string; lower?: { mode: number; uid: number; gid: number } };

/** @returns what the runtime may have made in the layer for mounts */
async function runProcess(
  context: SolverContext,
  run: ExecRun,
  { id, root }: Pick<StartRequest, "id" | "root">,
): Promise<Place[]> {
  const { runtime, config } = context;
  const { operation, signal } = run;
  const runDir = join(config.execRoot, "containers", id);
  await using undo = new AsyncDisposableStack();
  runtime.expectStart();
  await mkdir(runDir, { recursive: true, mode: 0o711 });
  undo.defer(() => runtime.delete(id, runDir));
  const [opened, network] = await Promise.allSettled([
    openExecMounts(context, run, undo),
    openNetwork(context, run, { id, runDir }, undo),
  ]);
  // Both are over now, so that undoing does not race with one of them.
  if (opened.status === "rejected") throw opened.reason;
  if (network.status === "rejected") throw network.reason;
  const mounts = [...opened.value.mounts, ...network.value.mounts].sort(byDepth);
  const env = [...operation.env, ...(operation.quietEnv ?? []), ...opened.value.env];
  const places = placesOf(root.lowerDirs, mounts);
  const ended = Promise.withResolvers<void>();
  // Once more, for what the start makes goes before the network that it uses.
  undo.defer(() => runtime.delete(id, runDir));
  const process = await startProcess(context, run, {
    ...startRequest(operation, config, { id, env }),
    runDir,
    root,
    mounts,
    networkNamespace: network.value.namespacePath,
    heldDescriptors: network.value.heldDescriptors,
    onOutput: { onChunk: (chunk) => run.onOutput(chunk), onEnd: ended.resolve },
  });
  run.onRunning(id);
  await finishProcess(context, { process, id, runDir, ended: ended.promise }, operation, signal);
  return places;
}

/** What of the request comes from the operation alone. */
function startRequest(
  operation: ExecOperation,
  config: SolverContext["config"],
  { id, env }: { id: string; env: string[] },
) {
  const hostname = operation.hostname || DEFAULT_HOSTNAME;
  const { cwd: WorkingDir, user: User } = operation;
  return {
    id,
    config: { Cmd: [...operation.args], Env: env, WorkingDir, User, Hostname: hostname },
    hostConfig: hostConfigOf(operation, config),
    hostname,
    domainname: "",
    log: { path: undefined, maxSizeBytes: 0, maxFiles: 1 },
    cgroupPath: join("/", operation.cgroupParent || `naru-${config.instance}`, id),
  };
}

async function startProcess(context: SolverContext, run: ExecRun, request: StartRequest): Promise<ContainerProcess> {
  try {
    return await context.runtime.start(request, { signal: run.signal });
  } catch (error) {
    run.signal.throwIfAborted();
    throw new NaruError("invalid", `${failurePrefix(run.operation)}: ${errorText(error)}`, { cause: error });
  }
}

async function finishProcess(
  { runtime }: SolverContext,
  { process, id, runDir, ended }: { process: ContainerProcess; id: string; runDir: string; ended: Promise<void> },
  operation: ExecOperation,
  signal: AbortSignal,
): Promise<void> {
  const kill = () => void runtime.kill(id, runDir, SIGKILL, { all: true }).catch(() => {});
  signal.addEventListener("abort", kill, { once: true });
  try {
    if (signal.aborted) kill();
    const status = await process.exited;
    await ended;
    signal.throwIfAborted();
    if (status.exitCode === 0) return;
    const reason = status.oomKilled
      ? `exit code: ${status.exitCode}: the process was killed because its memory limit was reached`
      : `exit code: ${status.exitCode}`;
    throw new NaruError("invalid", `${failurePrefix(operation)}: ${reason}`);
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

function failurePrefix({ args }: ExecOperation): string {
  return `process ${JSON.stringify(args.join(" "))} did not complete successfully`;
}

function byDepth(a: ResolvedMount, b: ResolvedMount): number {
  return a.destination.split("/").length - b.destination.split("/").length;
}

function hostConfigOf(
  operation: ExecOperation,
  { defaultShmSizeBytes, defaultUlimits }: SolverContext["config"],
): HostConfig {
  const ulimits = [...operation.ulimits];
  for (const limit of defaultUlimits) if (!ulimits.some(({ Name }) => Name === limit.Name)) ulimits.push(limit);
  const limits: Partial<BuildRequest["resources"]> = operation.resources ?? {};
  return {
    NetworkMode: operation.network,
    ShmSize: operation.shmSizeBytes || defaultShmSizeBytes,
    Ulimits: ulimits,
    ExtraHosts: [...operation.extraHosts],
    Privileged: operation.security === "insecure",
    IpcMode: "private",
    CgroupnsMode: "private",
    Memory: limits.memory,
    MemorySwap: limits.memorySwap,
    CpuShares: limits.cpuShares,
    CpusetCpus: limits.cpuSetCpus,
    CpusetMems: limits.cpuSetMems,
    CpuPeriod: limits.cpuPeriod,
    CpuQuota: limits.cpuQuota,
  };
}

interface ExecNetwork {
  namespacePath: string | undefined;
  heldDescriptors: readonly number[];
  mounts: ResolvedMount[];
}

async function openNetwork(
  { networks, config }: SolverContext,
  { operation, signal }: ExecRun,
  { id, runDir }: { id: string; runDir: string },
  undo: AsyncDisposableStack,
): Promise<ExecNetwork> {
  let found: {
    namespacePath: string | undefined;
    heldDescriptors: readonly number[];
    hosts: string;
    resolvConf: string;
  };
  if (operation.network === "host") {
    const [resolvConf, hosts] = await Promise.all([
      networks.hostResolvConf(),
      readFile("/etc/hosts", "utf8").catch(() => "127.0.0.1\tlocalhost\n"),
    ]);
    const extra = operation.extraHosts.map(
      (entry) => `${entry.slice(entry.indexOf(":") + 1)}\t${entry.split(":")[0]}\n`,
    );
    found = { namespacePath: undefined, heldDescriptors: [], hosts: hosts + extra.join(""), resolvConf };
  } else {
    found = await networks.openSandbox(sandboxRequest(operation, id, config), { signal });
    undo.defer(() => networks.closeSandbox(id));
  }
  const bind = async (name: string, text: string): Promise<ResolvedMount> => {
    const source = join(runDir, name);
    await writeFile(source, text);
    const common = { type: "bind" as const, readOnly: false, propagation: "", options: [], recursive: false };
    return { ...common, source, destination: `/etc/${name}` };
  };
  const hostname = operation.hostname || DEFAULT_HOSTNAME;
  const mounts = await Promise.all([
    bind("hosts", found.hosts),
    bind("resolv.conf", found.resolvConf),
    bind("hostname", `${hostname}\n`),
  ]);
  return { namespacePath: found.namespacePath, heldDescriptors: found.heldDescriptors, mounts };
}

function sandboxRequest(operation: ExecOperation, id: string, config: SolverContext["config"]): SandboxRequest {
  const network = operation.network === "default" || operation.network === "" ? "bridge" : operation.network;
  return {
    containerId: id,
    containerName: `build-${id.slice(0, 12)}`,
    hostname: operation.hostname || DEFAULT_HOSTNAME,
    domainname: "",
    endpoints: network === "none" ? [] : [{ network, settings: {} }],
    portBindings: {},
    exposedPorts: [],
    publishAllPorts: false,
    links: [],
    dns: [...config.dns],
    dnsOptions: [...config.dnsOptions],
    dnsSearch: [...config.dnsSearch],
    extraHosts: [...operation.extraHosts],
  };
}

/** Mount places and the directories above them, deepest first, with what the layers below have there. */
function placesOf(lowerDirs: readonly string[], mounts: readonly ResolvedMount[]): Place[] {
  const paths = new Set<string>();
  for (const { destination } of mounts) {
    if (destination.startsWith("/etc/")) continue;
    for (let path = destination.replace(/\/+$/, ""); path !== ""; path = path.slice(0, path.lastIndexOf("/")))
      paths.add(path);
  }
  return [...paths]
    .sort((a, b) => b.length - a.length)
    .map((path) => {
      const lower = findLayeredEntry(lowerDirs, path)?.status;
      return { path, ...(lower ? { lower: { mode: lower.mode, uid: lower.uid, gid: lower.gid } } : {}) };
    });
}
