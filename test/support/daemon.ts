/**
 * Starts the built executable as a daemon with roots of its own and drives it with real clients. Everything a test
 * makes hangs on the returned handle; `stop()` takes all of it away, also after a failure.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { PATIENCE } from "./patience.ts";

export const PROJECT = resolve(import.meta.dir, "../..");
/** The executable under test; another build may be named by NARU_EXECUTABLE. */
export const NARU = process.env.NARU_EXECUTABLE ?? join(PROJECT, "dist/naru");
const CLIENTS = join(PROJECT, ".cache/clients");
export const DOCKER = join(CLIENTS, "usr/bin/docker");
/** A daemon that takes longer to end hangs. */
const END_MS = 30_000 * PATIENCE;
const START_MS = 30_000 * PATIENCE;

/** What a finished client command left. */
export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}
export interface RunOptions {
  stdin?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
  /** Milliseconds until the command is killed. */
  timeoutMs?: number;
}

/** Runs a command to its end and collects what it printed. */
export async function run(command: string[], options: RunOptions = {}): Promise<Finished> {
  const child = Bun.spawn(command, {
    stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin as string]),
    stdout: "pipe",
    stderr: "pipe",
    cwd: options.cwd ?? PROJECT,
    env: { ...process.env, ...options.env },
    timeout: options.timeoutMs ?? 60_000 * PATIENCE,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

export interface TestDaemon {
  /** unix://… of this daemon's socket. */
  readonly host: string;
  readonly socketPath: string;
  readonly root: string;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly pid: number;
  /** Runs naru's own client against this daemon. */
  naru(words: string[], options?: RunOptions): Promise<Finished>;
  /** Runs the real docker client against this daemon. */
  docker(words: string[], options?: RunOptions): Promise<Finished>;
  /** One Engine API request; the path starts with "/". */
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  /** The environment that points a client at this daemon. */
  readonly env: Record<string, string>;
  /** Ends the daemon process only (SIGKILL by default): containers go on. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts the daemon again on the same roots. */
  restart(executable?: string): Promise<void>;
  logText(): Promise<string>;
  /** Removes all containers, ends the daemon, removes its roots. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a daemon and waits for its first answer. `flags` are added to its command line. */
export async function startDaemon(
  options: { flags?: string[]; env?: Record<string, string>; executable?: string } = {},
): Promise<TestDaemon> {
  const root = await mkdtemp(join(tmpdir(), "naru-test-"));
  const socketPath = join(root, "naru.sock");
  const logPath = join(root, "daemon.log");
  const host = `unix://${socketPath}`;
  const dataRoot = join(root, "data");
  const execRoot = join(root, "exec");
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: join(CLIENTS, "config"), DOCKER_CONTEXT: "" };
  let child: ReturnType<typeof Bun.spawn> | undefined;

  let executable = options.executable ?? NARU;
  const launch = async (replacement = executable) => {
    executable = replacement;
    const command = [executable, "daemon", "-H", host, "--data-root", dataRoot];
    command.push("--exec-root", execRoot, "--pidfile", join(root, "naru.pid"), ...(options.flags ?? []));
    const log = Bun.file(logPath);
    const previous = (await log.exists()) ? await log.text() : "";
    child = Bun.spawn(["sh", "-c", 'exec "$@" >>"$LOG" 2>&1', "sh", ...command], {
      env: { ...process.env, ...options.env, LOG: logPath },
      stdin: "ignore",
    });
    await untilAnswers(socketPath, child, async () => (await Bun.file(logPath).text()).slice(previous.length));
  };
  const end = async (): Promise<boolean> => {
    child?.kill("SIGTERM");
    const isEnded = await Promise.race([child?.exited.then(() => true), Bun.sleep(END_MS).then(() => false)]);
    if (!isEnded) {
      child?.kill("SIGKILL");
      await child?.exited;
    }
    await rm(root, { recursive: true, force: true });
    return isEnded ?? true;
  };
  try {
    await launch();
  } catch (error) {
    await end();
    throw error;
  }

  const daemon: TestDaemon = {
    host,
    socketPath,
    root,
    dataRoot,
    execRoot,
    env,
    get pid() {
      return child?.pid ?? 0;
    },
    naru: (words, runOptions = {}) => run([NARU, ...words], { ...runOptions, env: { ...env, ...runOptions.env } }),
    docker: (words, runOptions = {}) => run([DOCKER, ...words], { ...runOptions, env: { ...env, ...runOptions.env } }),
    api: (method, path, body, headers = {}) =>
      fetch(`http://naru${path}`, {
        unix: socketPath,
        method,
        headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
        body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
      }),
    async kill(signal = "SIGKILL") {
      child?.kill(signal);
      await child?.exited;
    },
    restart: launch,
    logText: () => Bun.file(logPath).text(),
    async stop() {
      if (child?.exitCode !== null || child?.signalCode) await launch().catch(() => {});
      // Pods are looked after: they end with the cluster.
      if (await Bun.file(join(dataRoot, "cluster/settings.json")).exists())
        await run([NARU, "cluster", "stop", "--time", "0"], { env });
      const list = await run([NARU, "ps", "-aq"], { env });
      const ids = list.stdout.split("\n").filter(Boolean);
      if (ids.length > 0) await run([NARU, "rm", "-f", "-v", ...ids], { env });
      if (!(await end())) throw new Error(`the daemon did not end within ${END_MS} ms of SIGTERM`);
    },
    [Symbol.asyncDispose]: () => daemon.stop(),
  };
  return daemon;
}

async function untilAnswers(socketPath: string, child: ReturnType<typeof Bun.spawn>, log: () => Promise<string>) {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the daemon ended with code ${child.exitCode}:\n${await log()}`);
    try {
      const response = await fetch("http://naru/_ping", { unix: socketPath });
      if (response.ok) return;
    } catch {
      // Not listening yet.
    }
    await Bun.sleep(5);
  }
  throw new Error(`the daemon did not answer within ${START_MS} ms:\n${await log()}`);
}

/** A tiny root file system with busybox and links for its applets. */
export async function busyboxTar(): Promise<Uint8Array> {
  const script = `set -e; d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
    mkdir -p "$d/bin" "$d/etc" "$d/tmp" "$d/root" "$d/var/www" "$d/home"; chmod 1777 "$d/tmp"
    cp "$(command -v busybox)" "$d/bin/busybox"
    for a in $("$d/bin/busybox" --list); do [ "$a" = busybox ] || ln -s busybox "$d/bin/$a"; done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$d/etc/passwd"; echo 'user:x:1000:1000::/home:/bin/sh' >>"$d/etc/passwd"
    printf 'root:x:0:\\nuser:x:1000:\\nextra:x:2000:user\\n' >"$d/etc/group"
    tar -C "$d" -cf - .`;
  const tar = Bun.spawn(["bash", "-c", script], { stdout: "pipe", stderr: "inherit" });
  const bytes = await new Response(tar.stdout).bytes();
  if ((await tar.exited) !== 0) throw new Error("could not make the busybox tree (is busybox-static installed?)");
  return bytes;
}

/** Imports a tiny image with busybox as `name`; takes a fraction of a second. */
export async function importBusybox(daemon: TestDaemon, name = "busybox"): Promise<void> {
  const bytes = await busyboxTar();
  const result = await daemon.docker(["import", "--change", 'CMD ["sh"]', "-", name], { stdin: bytes });
  if (result.code !== 0) throw new Error(`import of ${name} failed: ${result.stderr}`);
}

/** Polls until `condition` holds; the limit is for what never comes, so it is long. */
export async function eventually(condition: () => Promise<boolean> | boolean, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs * PATIENCE;
  while (Date.now() < deadline) {
    if (await condition()) return;
    await Bun.sleep(20);
  }
  throw new Error(`condition not met within ${timeoutMs} ms`);
}
