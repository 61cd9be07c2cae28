/** Small stand-ins for the parts that the engine works with: everything happens in memory. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine, type LivingEngine } from "../../../src/engine/create-engine.ts";
import type { EngineParts } from "../../../src/engine/engine-context.ts";
import type { ContainerFiles, ImageStore, LocalImage } from "../../../src/image/contract.ts";
import { NaruError } from "../../../src/lib/errors.ts";
import type { Network } from "../../../src/model/network.ts";
import type { Volume } from "../../../src/model/volume.ts";
import type { NetworkController, SandboxState } from "../../../src/network/contract.ts";
import type {
  ContainerProcess,
  ContainerRuntime,
  ExecRequest,
  ExitStatus,
  OutputChunk,
  StartRequest,
} from "../../../src/runtime/contract.ts";
import type { Collection, StateStore } from "../../../src/store/contract.ts";
import type { VolumeStore } from "../../../src/volume/contract.ts";
import { ALLOW_ALL } from "../../support/allow-all.ts";

type Listener = { onChunk: (chunk: OutputChunk) => void | Promise<void>; onEnd: () => void };

export class FakeProcess implements ContainerProcess {
  readonly #exit = Promise.withResolvers<ExitStatus>();
  readonly exited = this.#exit.promise;
  readonly listeners = new Set<Listener>();
  stdin = "";
  isStdinClosed = false;
  size: [number, number] | undefined;

  constructor(
    readonly pid: number,
    first?: Listener,
  ) {
    if (first) this.listeners.add(first);
  }
  subscribe(onChunk: Listener["onChunk"], onEnd: () => void) {
    const listener = { onChunk, onEnd };
    this.listeners.add(listener);
    return { cancel: () => void this.listeners.delete(listener) };
  }
  async writeStdin(chunk: Uint8Array) {
    this.stdin += Buffer.from(chunk).toString();
  }
  closeStdin() {
    this.isStdinClosed = true;
  }
  async resize(rows: number, columns: number) {
    this.size = [rows, columns];
  }
  async flushLog() {}

  print(text: string, stream: OutputChunk["stream"] = "stdout") {
    for (const { onChunk } of this.listeners) void onChunk({ stream, data: Buffer.from(text) });
  }
  end(exitCode: number) {
    for (const { onEnd } of [...this.listeners]) onEnd();
    this.#exit.resolve({ exitCode, finishedAt: new Date().toISOString(), oomKilled: false });
  }
}

export class FakeRuntime implements ContainerRuntime {
  readonly info = {
    name: "crun",
    path: "/usr/bin/crun",
    version: "1",
    cgroupVersion: "2" as const,
    cgroupDriver: "cgroupfs" as const,
    hasBlockWeights: false,
    hasRecursiveReadOnly: true,
    warnings: [],
  };
  readonly processes = new Map<string, FakeProcess>();
  readonly starts: StartRequest[] = [];
  readonly execs: { request: ExecRequest; process: FakeProcess }[] = [];
  readonly signals: number[] = [];
  readonly deleted: string[] = [];
  readonly reconnects = new Map<string, FakeProcess | ExitStatus>();
  startError: Error | undefined;
  /** Signals that end a process; others are ignored by it. */
  deadly = new Set([9, 15]);
  /** What an exec exits with at once; undefined: it goes on. */
  execExitCode: number | undefined = 0;
  #nextPid = 1000;

  async start(request: StartRequest) {
    this.starts.push(request);
    if (this.startError) throw this.startError;
    const process = new FakeProcess(this.#nextPid++, request.onOutput);
    this.processes.set(request.id, process);
    return process;
  }
  async reconnect(id: string) {
    return this.reconnects.get(id);
  }
  async findHeldDescriptors() {
    return [];
  }
  async exec(request: ExecRequest) {
    const process = new FakeProcess(this.#nextPid++, request.onOutput);
    this.execs.push({ request, process });
    if (this.execExitCode !== undefined) process.end(this.execExitCode);
    return process;
  }
  async checkExecUser() {}
  async findUser() {
    return { uid: 0, gid: 0 };
  }
  expectStart() {}
  async sweep() {}
  async kill(id: string, _runDir: string, signal: number) {
    this.signals.push(signal);
    if (this.deadly.has(signal)) this.processes.get(id)?.end(128 + signal);
  }
  async pause() {}
  async resume() {}
  async update() {}
  async delete(id: string) {
    this.deleted.push(id);
  }
  async listPids() {
    return [process.pid];
  }
  async readStats(): Promise<never> {
    throw new Error("no cgroup here");
  }
}

function fakeStore(): StateStore {
  const collections = new Map<string, Map<string, unknown>>();
  return {
    collection<T>(name: string): Collection<T> {
      let records = collections.get(name) as Map<string, T> | undefined;
      if (!records) {
        records = new Map();
        collections.set(name, records);
      }
      const map = records;
      return {
        get: (key) => map.get(key),
        has: (key) => map.has(key),
        values: () => map.values(),
        entries: () => map.entries(),
        get size() {
          return map.size;
        },
        // What comes back is what JSON keeps.
        put: async (key, value) => void map.set(key, JSON.parse(JSON.stringify(value))),
        propose: async (key, value) => void map.set(key, JSON.parse(JSON.stringify(value))),
        delete: async (key) => void map.delete(key),
      };
    },
    flush: async () => {},
    sync: async () => {},
    close: async () => {},
  };
}

export function fakeImage(name: string, config: LocalImage["config"]["config"] = { Cmd: ["sh"] }): LocalImage {
  const hash = new Bun.CryptoHasher("sha256").update(name).digest("hex");
  return {
    id: `sha256:${hash}`,
    manifest: `sha256:${hash}`,
    config: { architecture: "amd64", os: "linux", config, rootfs: { type: "layers", diff_ids: [] } },
    chainIds: [`sha256:${hash}`],
    repoTags: [name],
    repoDigests: [],
    createdAt: "2026-01-01T00:00:00Z",
    sizeBytes: 1000,
  };
}

export class FakeImages {
  images: LocalImage[] = [fakeImage("busybox:latest")];
  readonly layers = new Set<string>();

  asStore(): ImageStore {
    const layer = (id: string) => ({
      containerId: id,
      imageDirs: ["/lower"],
      chainId: "sha256:0" as const,
      root: { lowerDirs: ["/lower"], upperDir: `/layers/${id}/diff`, workDir: `/layers/${id}/work` },
    });
    const find = (ref: string) =>
      this.images.find(
        ({ id, repoTags }) => id === ref || repoTags.includes(ref) || repoTags.includes(`${ref}:latest`),
      );
    const store: Partial<ImageStore> = {
      listImages: () => [...this.images],
      findImage: find,
      getImage: (ref) => {
        const image = find(ref);
        if (!image) throw new NaruError("not-found", `No such image: ${ref}${ref.includes(":") ? "" : ":latest"}`);
        return image;
      },
      untag: async (name) => {
        this.images = this.images.map((image) => ({
          ...image,
          repoTags: image.repoTags.filter((tag) => tag !== name),
        }));
      },
      prunePartial: async () => 0,
      deleteImage: async (id) => {
        this.images = this.images.filter((image) => image.id !== id);
        return [id];
      },
      sharedSize: () => 0,
      createContainerLayer: async (id) => {
        this.layers.add(id);
        return layer(id);
      },
      findContainerLayer: (id) => (this.layers.has(id) ? layer(id) : undefined),
      removeContainerLayer: async (id) => void this.layers.delete(id),
      listContainerLayers: () => [...this.layers],
    };
    return store as ImageStore;
  }
}

export class FakeNetworks {
  readonly sandboxes = new Map<string, SandboxState>();
  readonly swept: ReadonlySet<string>[] = [];
  networks: Network[] = ["bridge", "host", "none", "own"].map(fakeNetwork);

  asController(): NetworkController {
    const open = (id: string, names: string[]): SandboxState => ({
      sandboxId: id,
      namespacePath: `/netns/${id}`,
      endpoints: Object.fromEntries(names.map((name) => [name, { NetworkID: name, IPAddress: "10.0.0.2" }])),
      ports: {},
      hosts: "127.0.0.1 localhost\n",
      resolvConf: "",
      heldDescriptors: [],
    });
    const controller: Partial<NetworkController> = {
      listNetworks: () => this.networks,
      getNetwork: (ref) => {
        const network = this.networks.find(({ Name, Id }) => Name === ref || Id === ref);
        if (!network) throw new NaruError("not-found", `network ${ref} not found`);
        return network;
      },
      addressComplaints: () => [],
      openSandbox: async (request) => {
        for (const { network } of request.endpoints) controller.getNetwork?.(network);
        const sandbox = open(
          request.containerId,
          request.endpoints.map(({ network }) => network),
        );
        this.sandboxes.set(request.containerId, sandbox);
        return sandbox;
      },
      closeSandbox: async (id) => void this.sandboxes.delete(id),
      findSandbox: (id) => this.sandboxes.get(id),
      restoreSandbox: async (id) => {
        const sandbox = open(id, ["bridge"]);
        this.sandboxes.set(id, sandbox);
        return sandbox;
      },
      connect: async (id, name) => {
        this.sandboxes.get(id)!.endpoints[name] = { NetworkID: name };
        return this.sandboxes.get(id)!;
      },
      disconnect: async (id, name) => {
        delete this.sandboxes.get(id)!.endpoints[name];
        return this.sandboxes.get(id)!;
      },
      renameContainer: async () => {},
      noteHealth: () => {},
      leaveService: () => "none",
      countRequests: async () => undefined,
      hostResolvConf: async () => "",
      sweep: async (alive) => void this.swept.push(alive),
    };
    return controller as NetworkController;
  }
}

function fakeNetwork(name: string): Network {
  return {
    Name: name,
    Id: name,
    Created: "2026-01-01T00:00:00Z",
    Scope: "local",
    Driver: name === "own" ? "bridge" : name,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: null, Config: [] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Options: {},
    Labels: {},
  };
}

function fakeVolumes(): VolumeStore {
  const volumes = new Map<string, Volume>();
  return {
    listVolumes: () => [...volumes.values()],
    getVolume: (name) => {
      const volume = volumes.get(name);
      if (!volume) throw new NaruError("not-found", `get ${name}: no such volume`);
      return volume;
    },
    findVolume: (name) => volumes.get(name),
    createVolume: async ({ Name = "anonymous", Labels = null }) => {
      const known = volumes.get(Name);
      if (known) return known;
      const volume: Volume = {
        Name,
        Driver: "local",
        Mountpoint: `/volumes/${Name}/_data`,
        Labels: Labels ?? null,
        Scope: "local",
        Options: null,
      };
      volumes.set(Name, volume);
      return volume;
    },
    removeVolume: async (name) => void volumes.delete(name),
    mountVolume: async (name) => `/volumes/${name}/_data`,
    unmountVolume: async () => {},
    sizeOf: async () => 42,
    isEmpty: async () => true,
  };
}

export interface TestEngine extends AsyncDisposable {
  engine: LivingEngine;
  runtime: FakeRuntime;
  images: FakeImages;
  networks: FakeNetworks;
  parts: EngineParts;
  complaints: string[];
  /** A second engine on the same state, as after a crash of the first. */
  again(): Promise<LivingEngine>;
}

export async function createTestEngine(): Promise<TestEngine> {
  const root = await mkdtemp(join(tmpdir(), "naru-engine-"));
  const runtime = new FakeRuntime();
  const images = new FakeImages();
  const networks = new FakeNetworks();
  const complaints: string[] = [];
  const note = (message: string) => void complaints.push(message);
  const files: Partial<ContainerFiles> = {
    copyUp: async () => {},
    writableSize: async () => 7,
    listChanges: async () => [],
  };
  const parts: EngineParts = {
    store: fakeStore(),
    runtime,
    images: images.asStore(),
    policy: ALLOW_ALL,
    files: files as ContainerFiles,
    networks: networks.asController(),
    namespaces: {
      createShared: async () => ({ initPid: undefined }),
      delete: async () => {},
      connectInside: () => Promise.reject(new Error("nobody listens")),
    },
    volumes: fakeVolumes(),
    config: { dataRoot: join(root, "data"), execRoot: join(root, "exec"), instance: "test", serverVersion: "0" },
    log: { debug() {}, info() {}, warn: note, error: note },
  };
  const engines = [await createEngine(parts)];
  return {
    engine: engines[0]!,
    runtime,
    images,
    networks,
    parts,
    complaints,
    async again() {
      const next = await createEngine(parts);
      engines.push(next);
      return next;
    },
    async [Symbol.asyncDispose]() {
      for (const engine of engines) await engine.shutdown();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Waits until `isTrue`, at most a second. */
export async function eventually(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await isTrue()) return;
    await Bun.sleep(5);
  }
  throw new Error("it did not happen within a second");
}
