/** Starts the built executable as a registry server on a port of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NARU } from "./daemon.ts";
import { freePort } from "./free-port.ts";

export interface NaruRegistryOptions {
  /** Added to the command line. */
  flags?: string[];
  /** The text of a configuration file. */
  config?: string;
  /** It serves TLS, with whatever certificate. */
  isTls?: boolean;
  env?: Record<string, string>;
  /** Kept by stop(); made by whoever names it. */
  root?: string;
}

export interface NaruRegistry extends AsyncDisposable {
  /** "127.0.0.1:PORT". */
  readonly host: string;
  readonly url: string;
  readonly root: string;
  readonly pid: number;
  /** A request; the path starts with "/". */
  request(method: string, path: string, init?: Omit<RequestInit, "method">): Promise<Response>;
  logText(): Promise<string>;
  /** Ends the process and waits for that. @returns the exit code */
  kill(signal?: NodeJS.Signals): Promise<number>;
  /** Starts it again on the same root and port. */
  restart(): Promise<void>;
  /** Ends it and removes its root. */
  stop(): Promise<void>;
}

export async function startNaruRegistry(options: NaruRegistryOptions = {}): Promise<NaruRegistry> {
  const directory = await mkdtemp(join(tmpdir(), "naru-registry-"));
  const root = options.root ?? join(directory, "root");
  const logPath = join(directory, "log");
  const host = `127.0.0.1:${await freePort()}`;
  const url = `${options.isTls ? "https" : "http"}://${host}`;
  const configFlags = options.config === undefined ? [] : ["--config", join(directory, "config.yaml")];
  if (options.config !== undefined) await Bun.write(join(directory, "config.yaml"), options.config);
  let child: ReturnType<typeof Bun.spawn> | undefined;

  const registry: NaruRegistry = {
    host,
    url,
    root,
    get pid() {
      return child?.pid ?? 0;
    },
    request: (method, path, init) =>
      fetch(url + path, { tls: { rejectUnauthorized: false }, ...init, method, redirect: "manual" }),
    logText: () => Bun.file(logPath).text(),
    async kill(signal = "SIGKILL") {
      child?.kill(signal);
      return (await child?.exited) ?? 0;
    },
    async restart() {
      const command = [NARU, "registry", "serve", "--addr", host, "--root", root, ...configFlags];
      command.push(...(options.flags ?? []));
      const before = await logLength(logPath);
      child = Bun.spawn(["sh", "-c", 'exec "$@" >>"$LOG" 2>&1', "sh", ...command], {
        env: { ...process.env, ...options.env, LOG: logPath },
        stdin: "ignore",
      });
      await untilReady(child, logPath, before);
    },
    async stop() {
      if (child?.exitCode === null && child.signalCode === null) await registry.kill("SIGKILL");
      await rm(directory, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => registry.stop(),
  };
  try {
    await registry.restart();
  } catch (error) {
    await registry.stop();
    throw error;
  }
  return registry;
}

async function logLength(logPath: string): Promise<number> {
  const log = Bun.file(logPath);
  return (await log.exists()) ? (await log.text()).length : 0;
}

/** By its own word: a server that wants a client's certificate answers nobody else. */
async function untilReady(child: ReturnType<typeof Bun.spawn>, logPath: string, before: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) {
      throw new Error(`the registry ended with code ${child.exitCode}:\n${await Bun.file(logPath).text()}`);
    }
    const log = Bun.file(logPath);
    if ((await log.exists()) && (await log.text()).slice(before).includes("the registry is ready")) return;
    await Bun.sleep(5);
  }
  throw new Error(`the registry was not ready within 30 s:\n${await Bun.file(logPath).text()}`);
}
