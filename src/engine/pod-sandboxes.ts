/**
 * What the containers of a pod share: a network namespace, IPC, host name and /dev/shm, and the PID namespace when the pod wishes that.
 * No container keeps them: they are bind mounts below the exec root, and a process 1 that belongs to nobody for shared PIDs.
 */
import { mkdir, readdir, readlink, rm, stat } from "node:fs/promises";
import { errorText, isKind, NaruError } from "../lib/errors.ts";
import { MS, mount, unmount } from "../linux/mount.ts";
import type { NetworkController, SandboxRequest } from "../network/contract.ts";
import type { ResolvedMount, SharedNamespaces, StartRequest } from "../runtime/contract.ts";
import type { Collection } from "../store/contract.ts";
import type { EngineLog } from "./config.ts";
import type { LoopbackConnection, PodSandbox, PodSandboxRequest, PodService } from "./contract.ts";
import { openLoopbackConnection } from "./loopback-connection.ts";

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

interface PodSandboxRecord {
  request: PodSandboxRequest;
  addresses: string[];
  /** Process 1 of the shared PID namespace. */
  initPid?: number;
}

interface PodSandboxParts {
  records: Collection<PodSandboxRecord>;
  networks: NetworkController;
  namespaces: SharedNamespaces;
  /** "<exec root>/pods" */
  directory: string;
  log: EngineLog;
}

export class PodSandboxes implements PodService {
  readonly #parts: PodSandboxParts;

  constructor(parts: PodSandboxParts) {
    this.#parts = parts;
  }

  async open(request: PodSandboxRequest, options: { signal?: AbortSignal } = {}): Promise<PodSandbox> {
    const known = this.find(request.id);
    if (known !== undefined) return known;
    const { records } = this.#parts;
    await using undo = new AsyncDisposableStack();
    const directory = this.#directory(request.id);
    await mkdir(directory, { recursive: true, mode: 0o711 });
    undo.defer(() => this.#removeFiles(request.id));
    const [namespaces, network] = await Promise.allSettled([
      this.#createNamespaces(request, undo),
      this.#openNetwork(request, undo, options.signal),
    ]);
    if (namespaces.status === "rejected") throw namespaces.reason;
    if (network.status === "rejected") throw network.reason;
    const record: PodSandboxRecord = { request, addresses: network.value };
    if (namespaces.value !== undefined) record.initPid = namespaces.value;
    undo.defer(() => records.delete(request.id));
    // Not awaited for durability: what a crash leaves is swept when no record knows it.
    void records.put(request.id, record).catch((error) => this.#parts.log.warn(errorText(error)));
    options.signal?.throwIfAborted();
    undo.move();
    return show(record);
  }

  async close(id: string): Promise<void> {
    const { records, networks } = this.#parts;
    const record = records.get(id);
    if (record === undefined) return;
    await this.#killInit(id, record.initPid);
    await Promise.all([networks.closeSandbox(id), this.#removeFiles(id)]);
    await records.delete(id);
  }

  find(id: string): PodSandbox | undefined {
    const record = this.#parts.records.get(id);
    return record === undefined ? undefined : show(record);
  }

  list(): PodSandbox[] {
    return [...this.#parts.records.values()].map(show);
  }

  async connect(id: string, port: number): Promise<LoopbackConnection> {
    const path = this.#get(id).request.network === "host" ? "/proc/self/ns/net" : this.#networkPath(id);
    const descriptor = await this.#parts.namespaces.connectInside(path, port);
    return openLoopbackConnection(descriptor);
  }

  /** After a daemon start: what is still alive is ours again, the rest is forgotten. Before containers are restored. */
  async restore(): Promise<void> {
    for (const { request } of [...this.#parts.records.values()]) {
      const isAlive = await stat(this.#directory(request.id)).then(
        () => true,
        () => false,
      );
      const hasNetwork =
        request.network === "host" || (await this.#parts.networks.restoreSandbox(request.id)) !== undefined;
      if (!isAlive || !hasNetwork) await this.close(request.id);
    }
    await this.#removeStrangers();
  }

  /** What was made for sandboxes whose records never became durable. */
  async #removeStrangers(): Promise<void> {
    const { records, directory, log } = this.#parts;
    const strangers = (await readdir(directory).catch(() => [] as string[])).filter((id) => !records.has(id));
    for (const id of strangers) {
      try {
        await this.#killInit(id, await this.#findInit(id));
        await this.#removeFiles(id);
      } catch (error) {
        log.warn(`what is left of pod ${id} was not removed: ${errorText(error)}`);
      }
    }
  }

  /** The process 1 of a PID namespace that nobody wrote down. */
  async #findInit(id: string): Promise<number | undefined> {
    const kept = await stat(`${this.#directory(id)}/pid`).catch(() => undefined);
    if (kept === undefined) return undefined;
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
    const spaces = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/ns/pid`).catch(() => "")));
    // The oldest of its processes: the others end with it.
    return pids.filter((_, index) => spaces[index] === `pid:[${kept.ino}]`).sort((a, b) => a - b)[0];
  }

  /** Ids of the sandboxes that must not be swept. */
  get ids(): string[] {
    return this.list().map(({ id }) => id);
  }

  /** What a container of the pod joins. @throws {NaruError} conflict when the sandbox is gone */
  join(id: string): Pick<StartRequest, "networkNamespace" | "joinPath" | "hostname"> {
    const { request } = this.#get(id);
    const directory = this.#directory(id);
    return {
      networkNamespace: request.network === "host" ? undefined : this.#networkPath(id),
      hostname: request.hostname,
      joinPath: {
        ...(request.ipc === "pod" ? { ipc: `${directory}/ipc` } : {}),
        ...(request.network === "host" ? {} : { uts: `${directory}/uts` }),
        ...(request.pid === "pod" ? { pid: `${directory}/pid` } : {}),
      },
    };
  }

  /** The /dev/shm that the pod's containers share. */
  sharedMemory(id: string): ResolvedMount {
    const isHost = this.#get(id).request.ipc === "host";
    const source = isHost ? "/dev/shm" : `${this.#directory(id)}/shm`;
    const base = { type: "bind" as const, destination: "/dev/shm", readOnly: false, propagation: "" };
    return { ...base, source, options: [], recursive: true };
  }

  #get(id: string): PodSandboxRecord {
    const record = this.#parts.records.get(id);
    if (record === undefined) throw new NaruError("conflict", `the sandbox of pod ${id} does not exist (any more)`);
    return record;
  }

  #directory(id: string): string {
    return `${this.#parts.directory}/${id}`;
  }

  #networkPath(id: string): string {
    const path = this.#parts.networks.findSandbox(id)?.namespacePath;
    if (path === undefined) throw new NaruError("conflict", `pod ${id} has no network namespace (any more)`);
    return path;
  }

  async #createNamespaces(request: PodSandboxRequest, undo: AsyncDisposableStack): Promise<number | undefined> {
    const { id, ipc, pid, network, hostname, shmBytes = DEFAULT_SHM_BYTES } = request;
    const directory = this.#directory(id);
    const { initPid } = await this.#parts.namespaces.createShared({
      ...(ipc === "pod" ? { ipc: `${directory}/ipc` } : {}),
      ...(network === "host" ? {} : { uts: { path: `${directory}/uts`, hostname } }),
      ...(pid === "pod" ? { pid: `${directory}/pid` } : {}),
    });
    undo.defer(() => this.#killInit(id, initPid));
    if (ipc === "pod") {
      const target = `${directory}/shm`;
      await mkdir(target, { mode: 0o1777 });
      const flags = MS.NOSUID | MS.NODEV | MS.NOEXEC;
      mount({ type: "tmpfs", source: "shm", target, flags, data: `mode=1777,size=${shmBytes}` });
    }
    return initPid;
  }

  async #openNetwork(
    request: PodSandboxRequest,
    undo: AsyncDisposableStack,
    signal: AbortSignal | undefined,
  ): Promise<string[]> {
    if (request.network === "host") return [];
    const { networks } = this.#parts;
    const { endpoints } = await networks.openSandbox(networkRequest(request, request.network.name), { signal });
    undo.defer(() => networks.closeSandbox(request.id));
    const [endpoint] = Object.values(endpoints);
    return [endpoint?.IPAddress, endpoint?.GlobalIPv6Address].filter((address) => !!address) as string[];
  }

  /** The number may be another process's by now: only one that lives in the pod's own PID namespace is killed. */
  async #killInit(id: string, pid: number | undefined): Promise<void> {
    if (pid === undefined) return;
    const [kept, living] = await Promise.all([
      stat(`${this.#directory(id)}/pid`).catch(() => undefined),
      readlink(`/proc/${pid}/ns/pid`).catch(() => undefined),
    ]);
    if (kept === undefined || living !== `pid:[${kept.ino}]`) return;
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      this.#parts.log.warn(`process 1 of pod ${id} was not ended: ${errorText(error)}`);
    }
  }

  async #removeFiles(id: string): Promise<void> {
    const directory = this.#directory(id);
    unmount(`${directory}/shm`);
    await Promise.all(
      ["ipc", "uts", "pid"].map(async (name) => {
        await this.#parts.namespaces.delete(`${directory}/${name}`).catch((error) => {
          if (!isKind(error, "not-found")) this.#parts.log.warn(errorText(error));
        });
      }),
    );
    await rm(directory, { recursive: true, force: true });
  }
}

function show({ request, addresses }: PodSandboxRecord): PodSandbox {
  return { id: request.id, name: request.name, request, addresses };
}

function networkRequest(request: PodSandboxRequest, network: string): SandboxRequest {
  return {
    containerId: request.id,
    containerName: request.name,
    hostname: request.hostname,
    domainname: "",
    endpoints: [{ network, settings: {} }],
    portBindings: request.portBindings,
    exposedPorts: [],
    publishAllPorts: false,
    links: [],
    dns: [],
    dnsOptions: [],
    dnsSearch: [],
    extraHosts: [],
    withoutNames: true,
  };
}
