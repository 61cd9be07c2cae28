import type {
  ComposeEngine,
  EngineFilters,
  HookExec,
  LogOptions,
  OutputChunk,
  PullLine,
} from "../../compose/contract.ts";
import { type ErrorKind, NaruError } from "../../lib/errors.ts";
import { jsonLines } from "../../lib/json-lines.ts";
import type { ContainerCreateRequest, ContainerInspect, ContainerSummary } from "../../model/container.ts";
import type { ImageInspect } from "../../model/image.ts";
import type { EndpointSettings, Network, NetworkCreateRequest } from "../../model/network.ts";
import type { EventMessage } from "../../model/system.ts";
import type { Volume, VolumeCreateRequest } from "../../model/volume.ts";
import { type ApiClient, ApiError } from "../client.ts";
import type { CommandContext } from "../command.ts";
import { Demultiplexer } from "../multiplexed.ts";
import { parseReference } from "../reference.ts";
import { registryAuthHeader } from "../registry-auth.ts";

type ApiRequest = NonNullable<Parameters<ApiClient["send"]>[2]>;
const KINDS: Readonly<Record<number, ErrorKind>> = {
  304: "not-modified",
  400: "invalid",
  401: "unauthorized",
  403: "forbidden",
  404: "not-found",
  409: "conflict",
  501: "not-implemented",
  503: "unavailable",
};

/** The daemon behind a socket as ComposeEngine. */
export class HttpEngine implements ComposeEngine {
  constructor(
    private readonly client: ApiClient,
    private readonly context: Pick<CommandContext, "config">,
  ) {}

  listContainers(filters: EngineFilters, { all, signal }: { all?: boolean; signal?: AbortSignal } = {}) {
    return this.get<ContainerSummary[]>("/containers/json", { query: { all, filters }, signal });
  }
  inspectContainer(container: string, signal?: AbortSignal) {
    return this.get<ContainerInspect>(`/containers/${part(container)}/json`, { signal });
  }
  createContainer(name: string, request: ContainerCreateRequest, platform?: string) {
    return this.post<{ Id: string; Warnings: string[] }>("/containers/create", {
      query: { name, platform: platform || undefined },
      json: request,
    });
  }
  async startContainer(container: string, signal?: AbortSignal) {
    await this.post(`/containers/${part(container)}/start`, { signal });
  }
  async stopContainer(container: string, { timeout, signal }: { timeout?: number; signal?: AbortSignal } = {}) {
    await this.post(`/containers/${part(container)}/stop`, { query: { t: timeout }, signal });
  }
  async restartContainer(container: string, { timeout, signal }: { timeout?: number; signal?: AbortSignal } = {}) {
    await this.post(`/containers/${part(container)}/restart`, { query: { t: timeout }, signal });
  }
  async killContainer(container: string, signal: string) {
    await this.post(`/containers/${part(container)}/kill`, { query: { signal } });
  }
  async pauseContainer(container: string) {
    await this.post(`/containers/${part(container)}/pause`);
  }
  async unpauseContainer(container: string) {
    await this.post(`/containers/${part(container)}/unpause`);
  }
  async removeContainer(container: string, { force, volumes }: { force?: boolean; volumes?: boolean }) {
    await this.call("DELETE", `/containers/${part(container)}`, { query: { force, v: volumes } });
  }
  async renameContainer(container: string, name: string) {
    await this.post(`/containers/${part(container)}/rename`, { query: { name } });
  }
  async waitContainer(container: string, condition: string, signal?: AbortSignal) {
    const path = `/containers/${part(container)}/wait`;
    return (await this.post<{ StatusCode: number }>(path, { query: { condition }, signal })).StatusCode;
  }
  async putArchive(container: string, directory: string, archive: Uint8Array) {
    await this.call("PUT", `/containers/${part(container)}/archive`, {
      query: { path: directory },
      body: archive,
      headers: { "Content-Type": "application/x-tar" },
    });
  }

  async exec(container: string, hook: HookExec, onOutput: (chunk: OutputChunk) => void, signal?: AbortSignal) {
    const { Id } = await this.post<{ Id: string }>(`/containers/${part(container)}/exec`, {
      json: {
        User: hook.user,
        Privileged: hook.privileged,
        Env: hook.environment,
        WorkingDir: hook.workingDir,
        Cmd: hook.command,
        AttachStdout: true,
        AttachStderr: true,
      },
    });
    const stream = await told(() =>
      this.client.hijack(`/exec/${Id}/start`, { json: { Detach: false, Tty: false }, signal }),
    );
    for await (const chunk of demultiplexed(bytesOf(stream), false)) onOutput(chunk);
    return (await this.get<{ ExitCode: number | null }>(`/exec/${Id}/json`)).ExitCode ?? 0;
  }

  async *logs(container: string, { tty, signal, ...options }: LogOptions): AsyncGenerator<OutputChunk> {
    const query = { ...options, stdout: true, stderr: true };
    const answer = await this.call("GET", `/containers/${part(container)}/logs`, { query, signal });
    yield* demultiplexed(answer.chunks(), tty);
  }

  async attach(container: string, { tty, logs, signal }: { tty: boolean; logs?: boolean; signal?: AbortSignal }) {
    const query = { stream: true, stdout: true, stderr: true, logs };
    const stream = await told(() => this.client.hijack(`/containers/${part(container)}/attach`, { query, signal }));
    return demultiplexed(bytesOf(stream), tty);
  }

  listNetworks(filters: EngineFilters, signal?: AbortSignal) {
    return this.get<Network[]>("/networks", { query: { filters }, signal });
  }
  inspectNetwork(network: string) {
    return this.get<Network>(`/networks/${part(network)}`);
  }
  createNetwork(request: NetworkCreateRequest) {
    return this.post<{ Id: string }>("/networks/create", { json: request });
  }
  async removeNetwork(network: string) {
    await this.call("DELETE", `/networks/${part(network)}`);
  }
  async connectNetwork(network: string, container: string, settings?: EndpointSettings) {
    await this.post(`/networks/${part(network)}/connect`, { json: { Container: container, EndpointConfig: settings } });
  }
  async disconnectNetwork(network: string, container: string, { force = false }: { force?: boolean } = {}) {
    await this.post(`/networks/${part(network)}/disconnect`, { json: { Container: container, Force: force } });
  }
  async listVolumes(filters: EngineFilters, signal?: AbortSignal) {
    return (await this.get<{ Volumes: Volume[] | null }>("/volumes", { query: { filters }, signal })).Volumes ?? [];
  }
  inspectVolume(volume: string) {
    return this.get<Volume>(`/volumes/${part(volume)}`);
  }
  createVolume(request: VolumeCreateRequest) {
    return this.post<Volume>("/volumes/create", { json: request });
  }
  async removeVolume(volume: string, { force }: { force?: boolean } = {}) {
    await this.call("DELETE", `/volumes/${part(volume)}`, { query: { force } });
  }
  inspectImage(reference: string, signal?: AbortSignal) {
    return this.get<ImageInspect>(`/images/${reference.split("/").map(part).join("/")}/json`, { signal });
  }
  async removeImage(reference: string, { force }: { force?: boolean } = {}) {
    await this.call("DELETE", `/images/${reference.split("/").map(part).join("/")}`, { query: { force } });
  }

  async pullImage(
    reference: string,
    options: { platform?: string; signal?: AbortSignal; onProgress?: (line: PullLine) => void },
  ): Promise<void> {
    const image = parseReference(reference);
    const answer = await this.call("POST", "/images/create", {
      query: {
        fromImage: image.familiarName,
        tag: image.digest ?? image.tag ?? "latest",
        platform: options.platform || undefined,
      },
      headers: await registryAuthHeader(await this.context.config(), image),
      signal: options.signal,
    });
    for await (const line of jsonLines<PullLine & { error?: string }>(answer.chunks())) {
      if (line.error !== undefined) throw new NaruError("unavailable", line.error);
      options.onProgress?.(line);
    }
  }

  async *events(filters: EngineFilters, options: { since?: string; until?: string; signal: AbortSignal }) {
    const { signal, ...range } = options;
    const answer = await this.call("GET", "/events", { query: { ...range, filters }, signal });
    try {
      yield* jsonLines<EventMessage>(answer.chunks());
    } catch (error) {
      // Cut off because nobody listens any more.
      if (!signal.aborted) throw error;
    }
  }

  private get<T>(path: string, request: ApiRequest = {}): Promise<T> {
    return told(() => this.client.get<T>(path, request));
  }
  private post<T>(path: string, request: ApiRequest = {}): Promise<T> {
    return told(() => this.client.post<T>(path, request));
  }
  private async call(method: string, path: string, request: ApiRequest = {}) {
    return await told(() => this.client.send(method, path, request));
  }
}

const part = encodeURIComponent;

/** Makes the daemon's refusal a NaruError of its kind, with docker's words. */
async function told<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ApiError)
      throw new NaruError(KINDS[error.status] ?? "internal", error.message, { cause: error });
    throw error;
  }
}

async function* bytesOf(stream: {
  read(): Promise<Uint8Array | undefined>;
  close(): void;
}): AsyncGenerator<Uint8Array> {
  try {
    for (let bytes = await stream.read(); bytes; bytes = await stream.read()) yield bytes;
  } finally {
    stream.close();
  }
}

async function* demultiplexed(chunks: AsyncIterable<Uint8Array>, tty: boolean): AsyncGenerator<OutputChunk> {
  const demultiplexer = new Demultiplexer();
  for await (const bytes of chunks) {
    if (tty) yield { stream: 1, bytes };
    else {
      for (const run of demultiplexer.decode(bytes)) {
        if (run.stream === 3) throw new NaruError("internal", new TextDecoder().decode(run.bytes));
        yield { stream: run.stream, bytes: run.bytes };
      }
    }
  }
}
