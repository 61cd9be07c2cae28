/** The engine of this process as Compose's plans want it: the same shapes as over HTTP, without HTTP. */

import { parseUnixTime } from "../api/timestamps.ts";
import type { ComposeEngine, EngineFilters, HookExec, LogOptions, OutputChunk } from "../compose/contract.ts";
import type { Engine } from "../engine/contract.ts";
import { isKind, NaruError } from "../lib/errors.ts";
import type { EndpointSettings } from "../model/network.ts";
import type { Filters } from "../model/system.ts";

const NEVER = new AbortController().signal;

export class InProcessEngine implements ComposeEngine {
  constructor(private readonly engine: Engine) {}

  listContainers(filters: EngineFilters, { all = false }: { all?: boolean } = {}) {
    return this.engine.containers.list({ all, limit: 0, size: false, filters: filterMap(filters) });
  }
  inspectContainer(container: string) {
    return this.engine.containers.inspect(container);
  }
  createContainer: ComposeEngine["createContainer"] = (name, request, platform) =>
    this.engine.containers.create(name, request, { platform });
  startContainer(container: string) {
    return unlessDone(this.engine.containers.start(container));
  }
  stopContainer(container: string, { timeout }: { timeout?: number } = {}) {
    return unlessDone(this.engine.containers.stop(container, { timeoutSeconds: timeout }));
  }
  restartContainer(container: string, { timeout }: { timeout?: number } = {}) {
    return this.engine.containers.restart(container, { timeoutSeconds: timeout });
  }
  killContainer(container: string, signal: string) {
    return this.engine.containers.kill(container, signal);
  }
  pauseContainer(container: string) {
    return this.engine.containers.pause(container);
  }
  unpauseContainer(container: string) {
    return this.engine.containers.unpause(container);
  }
  removeContainer(container: string, { force = false, volumes = false }: { force?: boolean; volumes?: boolean }) {
    return this.engine.containers.remove(container, { force, volumes, link: false });
  }
  renameContainer(container: string, name: string) {
    return this.engine.containers.rename(container, name);
  }

  async waitContainer(container: string, condition: string, signal: AbortSignal = NEVER) {
    if (condition !== "not-running" && condition !== "next-exit" && condition !== "removed") {
      throw new NaruError("invalid", `invalid condition: ${JSON.stringify(condition)}`);
    }
    const { StatusCode, Error: failure } = await this.engine.containers.wait(container, condition, signal).result;
    if (failure !== undefined) throw new NaruError("internal", failure.Message);
    return StatusCode;
  }

  async putArchive(container: string, directory: string, archive: Uint8Array) {
    const options = { noOverwriteDirNonDir: false, copyUidGid: false, signal: NEVER };
    await this.engine.containers.writeArchive(container, directory, once(archive), options);
  }

  async exec(container: string, hook: HookExec, onOutput: (chunk: OutputChunk) => void) {
    const { execs } = this.engine;
    const { Id } = await execs.create(container, {
      User: hook.user,
      Privileged: hook.privileged,
      Env: hook.environment,
      WorkingDir: hook.workingDir,
      Cmd: hook.command,
      AttachStdout: true,
      AttachStderr: true,
    });
    const session = await execs.start(Id, { detach: false, tty: false });
    if (session !== undefined) for await (const chunk of numbered(session.output)) onOutput(chunk);
    return execs.inspect(Id).ExitCode ?? 0;
  }

  async *logs(
    container: string,
    { follow = false, tail, since, until, timestamps = false, signal = NEVER }: LogOptions,
  ) {
    const options = { follow, stdout: true, stderr: true, timestamps, details: false };
    const count = tail === undefined || tail === "all" ? undefined : Number(tail);
    const times = { sinceNs: parseUnixTime(since ?? ""), untilNs: parseUnixTime(until ?? "") };
    const { chunks } = await this.engine.containers.logs(container, { ...options, ...times, tail: count }, signal);
    yield* numbered(chunks);
  }

  async attach(container: string, { logs = false, signal }: { tty: boolean; logs?: boolean; signal?: AbortSignal }) {
    const options = { stdin: false, stdout: true, stderr: true, logs, stream: true };
    const session = await this.engine.containers.attach(container, options);
    signal?.addEventListener("abort", () => session.close(), { once: true });
    if (signal?.aborted) session.close();
    return numbered(session.output);
  }

  listNetworks(filters: EngineFilters) {
    return this.engine.networks.list(filterMap(filters));
  }
  inspectNetwork(network: string) {
    return this.engine.networks.inspect(network, { scope: "", verbose: false });
  }
  createNetwork: ComposeEngine["createNetwork"] = (request) => this.engine.networks.create(request);
  removeNetwork(network: string) {
    return this.engine.networks.remove(network);
  }
  connectNetwork(network: string, container: string, settings?: EndpointSettings) {
    return this.engine.networks.connect(network, container, settings ?? null);
  }
  disconnectNetwork(network: string, container: string, { force = false }: { force?: boolean } = {}) {
    return this.engine.networks.disconnect(network, container, { force });
  }
  async listVolumes(filters: EngineFilters) {
    return (await this.engine.volumes.list(filterMap(filters))).Volumes ?? [];
  }
  inspectVolume(volume: string) {
    return this.engine.volumes.inspect(volume);
  }
  createVolume: ComposeEngine["createVolume"] = (request) => this.engine.volumes.create(request);
  removeVolume(volume: string, { force = false }: { force?: boolean } = {}) {
    return this.engine.volumes.remove(volume, { force });
  }
  inspectImage(reference: string) {
    return this.engine.images.inspect(reference);
  }
  async removeImage(reference: string, { force = false }: { force?: boolean } = {}) {
    await this.engine.images.remove(reference, { force, noPrune: false });
  }

  pullImage: ComposeEngine["pullImage"] = async (reference, { platform = "", signal = NEVER, onProgress }) => {
    for await (const line of this.engine.images.pull({ name: reference, platform }, signal)) onProgress?.(line);
  };

  events(filters: EngineFilters, { since, until, signal }: { since?: string; until?: string; signal: AbortSignal }) {
    const times = { sinceNs: parseUnixTime(since ?? ""), untilNs: parseUnixTime(until ?? "") };
    return this.engine.system.events({ ...times, filters: filterMap(filters) }, signal);
  }
}

const filterMap = (filters: EngineFilters): Filters =>
  new Map(Object.entries(filters).map(([name, values]) => [name, [...values]]));

/** What is done already is as good as done. */
async function unlessDone(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isKind(error, "not-modified")) throw error;
  }
}

async function* once(bytes: Uint8Array) {
  yield bytes;
}

async function* numbered(chunks: AsyncIterable<{ stream: "stdout" | "stderr"; data: Uint8Array }>) {
  for await (const { stream, data } of chunks) {
    yield { stream: stream === "stdout" ? 1 : 2, bytes: data } satisfies OutputChunk;
  }
}
