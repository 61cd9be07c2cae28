/** Debian's docker-registry (the distribution project's own) as a counterpart, on a port of its own. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";

export interface DebianRegistry extends AsyncDisposable {
  /** "127.0.0.1:PORT". */
  host: string;
  /** Ends the server; what it holds stays until it is disposed of. */
  kill(): Promise<void>;
}
export interface DebianRegistryOptions {
  /** Users and their passwords. */
  users?: Record<string, string>;
  tls?: { certPath: string; keyPath: string; clientCaPath?: string };
  token?: { realm: string; service: string; issuer: string; rootCertPath: string };
  /** Where it sends its events. */
  webhook?: string;
  /** Where it listens: "127.0.0.1" unless told. */
  address?: string;
  /** How it is called; its address unless told. */
  name?: string;
}

const LOOPBACK = "127.0.0.1";

export async function startDebianRegistry(options: DebianRegistryOptions = {}): Promise<DebianRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "naru-registry-"));
  const port = await freePort();
  await mkdir(join(folder, "data"));
  await Bun.write(join(folder, "config.json"), JSON.stringify(await configuration(folder, port, options)));
  // Its configuration is YAML, which JSON is a part of.
  // It dies with us: a test file whose preparations fail never comes to its end.
  const command = ["setpriv", "--pdeathsig", "KILL", "docker-registry", "serve", join(folder, "config.json")];
  const child = Bun.spawn(command, {
    stdin: "ignore",
    stdout: Bun.file(join(folder, "log")),
    stderr: Bun.file(join(folder, "log")),
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  const kill = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  const dispose = async () => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  };
  for (let tries = 0; !(await listens(options.address ?? LOOPBACK, port)); tries++) {
    if (child.exitCode !== null || tries > 1000) {
      const log = await Bun.file(join(folder, "log")).text();
      await dispose();
      throw new Error(`docker-registry does not listen:\n${log}`);
    }
    await Bun.sleep(10);
  }
  return { host: `${options.name ?? options.address ?? LOOPBACK}:${port}`, kill, [Symbol.asyncDispose]: dispose };
}

async function configuration(
  folder: string,
  port: number,
  { users, tls, token, webhook, address = LOOPBACK }: DebianRegistryOptions,
) {
  const auth: Record<string, unknown> = {};
  if (users) {
    const lines = await Promise.all(
      Object.entries(users).map(async ([name, password]) => {
        const hash = await Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 });
        return `${name}:${hash}\n`;
      }),
    );
    await Bun.write(join(folder, "htpasswd"), lines.join(""));
    auth.htpasswd = { realm: "test registry", path: join(folder, "htpasswd") };
  }
  if (token) {
    const { realm, service, issuer, rootCertPath } = token;
    auth.token = { realm, service, issuer, rootcertbundle: rootCertPath };
  }
  const http: Record<string, unknown> = { addr: `${address}:${port}` };
  if (tls) {
    http.tls = {
      certificate: tls.certPath,
      key: tls.keyPath,
      ...(tls.clientCaPath && { clientcas: [tls.clientCaPath] }),
    };
  }
  return {
    version: 0.1,
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
    ...(Object.keys(auth).length > 0 && { auth }),
    ...(webhook && {
      notifications: { endpoints: [{ name: "test", url: webhook, timeout: "1s", threshold: 3, backoff: "1s" }] },
    }),
    http,
  };
}

async function listens(hostname: string, port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname, port, socket: { data() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}
