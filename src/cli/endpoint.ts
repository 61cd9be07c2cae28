import { join } from "node:path";
import type { HttpTarget, TlsOptions } from "../lib/http-client.ts";
import { CliError } from "./cli-error.ts";
import { type ContextStore, openContextStore } from "./context-store.ts";
import { isPresent } from "./file-system.ts";
import type { GlobalOptions } from "./global-options.ts";

/** The daemon to talk to. */
export interface Endpoint {
  /** The address as one writes it in DOCKER_HOST. */
  readonly host: string;
  readonly target: HttpTarget;
}

const NARU_SOCKET = "/run/naru/naru.sock";
const DOCKER_SOCKET = "/var/run/docker.sock";

/** The name of the context in force. A given address overrules contexts and means the context `default`. */
function contextInForce(options: GlobalOptions, configured: string | undefined): string {
  if (options.context !== "") return options.context;
  if (options.hosts.length > 0 || process.env.DOCKER_HOST) return "default";
  return process.env.DOCKER_CONTEXT || configured || "default";
}

/** Finds the daemon's address from the flags, the environment and the context in force. */
export async function resolveEndpoint(options: GlobalOptions, configured: string | undefined): Promise<Endpoint> {
  if (options.context !== "" && options.hosts.length > 0) {
    throw new CliError("conflicting options: cannot specify both --host and --context");
  }
  const contextName = contextInForce(options, configured);
  try {
    if (contextName !== "default") return await contextEndpoint(openContextStore(options.configDir), contextName);
    return await flagEndpoint(options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(`Failed to initialize: unable to resolve docker endpoint: ${reason}`);
  }
}

async function contextEndpoint(store: ContextStore, name: string): Promise<Endpoint> {
  const context = await store.getContext(name);
  const endpoint = context.Endpoints?.docker;
  const files = await store.readTlsFiles(name, "docker");
  const verify = endpoint?.SkipTLSVerify !== true;
  const tls: TlsOptions | undefined =
    files.size > 0 || endpoint?.SkipTLSVerify
      ? { ca: files.get("ca.pem"), cert: files.get("cert.pem"), key: files.get("key.pem"), verify }
      : undefined;
  const host = endpoint?.Host || defaultHost();
  return { host, target: parseHost(host, tls) };
}

async function flagEndpoint(options: GlobalOptions): Promise<Endpoint> {
  const wantsTls = options.tls || options.tlsVerify;
  const given = (options.hosts[0] ?? process.env.DOCKER_HOST ?? "").trim();
  const host = given === "" ? defaultHost() : completeHost(given, wantsTls);
  const tls = wantsTls && host.startsWith("tcp://") ? await readTlsFlags(options) : undefined;
  return { host, target: parseHost(host, tls) };
}

async function readTlsFlags(options: GlobalOptions): Promise<TlsOptions> {
  const read = async (path: string, isNeeded = options.givenTlsFiles.includes(path)) => {
    if (!isPresent(path)) {
      if (!isNeeded) return undefined;
      throw new Error(`open ${path}: no such file or directory`);
    }
    return Bun.file(path).text();
  };
  return {
    ca: options.tlsVerify ? await read(options.tlsCaCert, true) : undefined,
    cert: await read(options.tlsCert),
    key: await read(options.tlsKey),
    verify: options.tlsVerify,
  };
}

/** naru's own socket, or docker's where only that one exists. */
function defaultHost(): string {
  return !isPresent(NARU_SOCKET) && isPresent(DOCKER_SOCKET) ? `unix://${DOCKER_SOCKET}` : `unix://${NARU_SOCKET}`;
}

/** Fills in what docker lets one leave out: the protocol, and the port of tcp addresses. */
function completeHost(given: string, wantsTls: boolean): string {
  const [, protocol = "tcp", address = ""] = /^(?:([^:/]+):\/\/)?(.*)$/.exec(given)!;
  if (protocol === "unix") return address === "" ? defaultHost() : `unix://${address}`;
  if (protocol !== "tcp") throw new Error(`invalid bind address format: ${given}`);
  const port = wantsTls ? "2376" : "2375";
  const [, host, givenPort] = /^(\[[^\]]*\]|[^:/]*)(?::(\d*))?/.exec(address)!;
  return `tcp://${host || "localhost"}:${givenPort || port}`;
}

/** The socket to connect to. Throws an Error for protocols that naru's client does not speak. */
export function parseHost(host: string, tls: TlsOptions | undefined): HttpTarget {
  if (host.startsWith("unix://")) return { kind: "unix", path: host.slice("unix://".length) };
  const match = /^tcp:\/\/(?:\[([^\]]+)\]|([^:/]+))(?::(\d+))?\/?$/.exec(host);
  if (!match) throw new Error(`invalid bind address format: ${host}`);
  const port = Number(match[3] ?? (tls ? 2376 : 2375));
  return { kind: "tcp", host: match[1] ?? match[2]!, port, tls };
}

/** The file of a TLS flag's default. */
export function certificatePath(configDir: string, name: string): string {
  return join(process.env.DOCKER_CERT_PATH || configDir, name);
}
