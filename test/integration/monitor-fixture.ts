/** Containers for the monitor's tests: a real crun, a busybox root file system, and nothing else of naru's. */
import { cp, mkdir, mkdtemp, readdir, rm, rmdir, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCgroupLayout, releaseUnifiedControllers } from "../../src/runtime/cgroup-layout.ts";
import type { MonitorOptions } from "../../src/runtime/monitor-command.ts";
import { MonitorConnection, type MonitorListener } from "../../src/runtime/monitor-connection.ts";

const APPLETS = [
  "sh",
  "cat",
  "echo",
  "head",
  "tr",
  "seq",
  "sleep",
  "stty",
  "true",
  "kill",
  "dd",
  "printf",
  "ls",
  "mount",
];
const CGROUP_PARENT = `naru-monitor-test-${process.pid}`;
export const BINARY = join(import.meta.dir, "../../dist/native/naru-monitor");

export interface TestContainer {
  id: string;
  directory: string;
  logPath: string;
  options: MonitorOptions;
}

export interface ContainerChoices {
  command: string[];
  tty?: boolean;
  stdin?: boolean;
  options?: Partial<MonitorOptions>;
  /** Last changes to the OCI configuration. */
  configure?: (config: ReturnType<typeof ociConfig>) => object;
}

/** One temporary tree with an image layer; every container made here is gone after dispose. */
export class MonitorFixture implements AsyncDisposable {
  #ids: string[] = [];
  #next = 1;

  private constructor(readonly directory: string) {}

  static async make(): Promise<MonitorFixture> {
    const fixture = new MonitorFixture(await mkdtemp(join(tmpdir(), "naru-monitor-")));
    await releaseUnifiedControllers(await readCgroupLayout());
    const layer = fixture.layer;
    for (const folder of ["bin", "proc", "dev", "tmp", "sys"]) await mkdir(join(layer, folder), { recursive: true });
    await cp("/usr/bin/busybox", join(layer, "bin/busybox"));
    for (const applet of APPLETS) await symlink("busybox", join(layer, "bin", applet));
    return fixture;
  }

  get layer(): string {
    return join(this.directory, "layer");
  }

  runtime(...args: string[]): string[] {
    return [
      "crun",
      "--root",
      join(this.directory, "crun"),
      "--log",
      join(this.directory, "crun.log"),
      "--log-format=json",
      ...args,
    ];
  }

  async container({
    command,
    tty = false,
    stdin = false,
    options = {},
    configure = (config) => config,
  }: ContainerChoices): Promise<TestContainer> {
    const id = `naru-monitor-test-${process.pid}-${this.#next++}`;
    const directory = join(this.directory, id);
    for (const folder of ["upper", "work", "root"]) await mkdir(join(directory, folder), { recursive: true });
    const config = configure(ociConfig(id, join(directory, "root"), command, tty));
    await writeFile(join(directory, "config.json"), JSON.stringify(config));
    this.#ids.push(id);
    const pidFile = join(directory, "pid");
    const consoleSocket = tty ? join(directory, "console.sock") : undefined;
    const logPath = join(directory, "json.log");
    const terminal = consoleSocket ? ["--console-socket", consoleSocket] : [];
    return {
      id,
      directory,
      logPath,
      options: {
        binaryPath: BINARY,
        directory,
        pidFile,
        hasStdin: stdin,
        ...(consoleSocket ? { consoleSocket } : {}),
        isSubscribed: true,
        log: { path: logPath, maxSizeBytes: 0, maxFiles: 1 },
        root: {
          path: join(directory, "root"),
          lowerDirs: [this.layer],
          upperDir: join(directory, "upper"),
          workDir: join(directory, "work"),
        },
        runtimeCommand: this.runtime("run", "--detach", "--bundle", directory, "--pid-file", pidFile, ...terminal, id),
        ...options,
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.#ids) await Bun.spawn(this.runtime("delete", "--force", id), { stderr: "ignore" }).exited;
    const hierarchies = [
      "/sys/fs/cgroup",
      ...(await readdir("/sys/fs/cgroup")).map((name) => `/sys/fs/cgroup/${name}`),
    ];
    for (const hierarchy of hierarchies) await rmdir(join(hierarchy, CGROUP_PARENT)).catch(() => undefined);
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Collects output as text, and the moment it is complete. */
export function collector(): MonitorListener & { stdout: string; stderr: string; bytes: number; ended: Promise<void> } {
  const ended = Promise.withResolvers<void>();
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const collected = {
    stdout: "",
    stderr: "",
    bytes: 0,
    ended: ended.promise,
    onOutput({ stream, data }: { stream: "stdout" | "stderr"; data: Uint8Array }) {
      collected.bytes += data.length;
      collected[stream] += decoders[stream].decode(data, { stream: true });
    },
    onOutputEnd: () => ended.resolve(),
  };
  return collected;
}

/** Runs a container to its end. */
export async function runToEnd(container: TestContainer) {
  const output = collector();
  const connection = await MonitorConnection.spawn(container.options, output);
  const started = await connection.started;
  const exited = await connection.exited;
  await output.ended;
  await connection.closed;
  return { output, started, exited };
}

function ociConfig(id: string, root: string, command: string[], tty: boolean) {
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: tty,
      ...(tty ? { consoleSize: { height: 30, width: 100 } } : {}),
      user: { uid: 0, gid: 0 },
      args: command,
      env: ["PATH=/bin"],
      cwd: "/",
    },
    root: { path: root },
    hostname: "monitor-test",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"] },
    ],
    linux: {
      cgroupsPath: `/${CGROUP_PARENT}/${id}`,
      namespaces: ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type })),
    },
  };
}
