import { homedir } from "node:os";
import { join } from "node:path";
import { CliError } from "./cli-error.ts";
import type { ContextMetadata, ContextStore } from "./context-store.ts";
import { parseHost } from "./endpoint.ts";
import { fileErrorText } from "./file-error.ts";

/** The daemon of a new context and the TLS files for it, by file name. */
interface ContextEndpoint {
  Host: string;
  SkipTLSVerify: boolean;
  tlsFiles: Map<string, string>;
}

const TLS_FILES: Record<string, string> = { ca: "ca.pem", cert: "cert.pem", key: "key.pem" };
const KEYS = new Set(["from", "host", "skip-tls-verify", ...Object.keys(TLS_FILES)]);

/** The default context: the daemon that is used without any context. */
export function defaultContext(host: string): ContextMetadata {
  return { Name: "default", Metadata: {}, Endpoints: { docker: { Host: host, SkipTLSVerify: false } } };
}

/** The words on the help screens of `context create` and `update` about `--docker`. */
export const ENDPOINT_HELP = `How to reach the daemon:

NAME                WHAT
from                Take over the settings of another context
host                Address of the daemon
ca                  Trust only certificates of this authority
cert                File with the client's certificate
key                 File with the client's key
skip-tls-verify     Do not check the daemon's certificate`;

/** Reads the settings of `--docker` (`host=…,ca=…`). Throws CliError with docker's words. */
export async function readEndpoint(
  settings: Readonly<Record<string, string>>,
  findContext: (name: string) => Promise<ContextMetadata>,
  store: ContextStore,
): Promise<ContextEndpoint> {
  const complaint = "unable to create docker endpoint config";
  const unknown = Object.keys(settings).filter((key) => !KEYS.has(key));
  if (unknown.length > 0) throw new CliError(`${complaint}: unrecognized config key: ${unknown.join(", ")}`);
  if (settings.from) {
    let source: ContextMetadata;
    try {
      source = await findContext(settings.from);
    } catch (error) {
      throw new CliError(`${complaint}: ${(error as Error).message}`);
    }
    const { Host = "", SkipTLSVerify = false } = source.Endpoints.docker ?? {};
    return { Host, SkipTLSVerify, tlsFiles: await store.readTlsFiles(settings.from, "docker") };
  }
  const tlsFiles = new Map<string, string>();
  for (const [key, file] of Object.entries(TLS_FILES)) {
    if (settings[key]) tlsFiles.set(file, await readText(settings[key], complaint));
  }
  const skip = settings["skip-tls-verify"] ?? "";
  if (!["", "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"].includes(skip)) {
    throw new CliError(`${complaint}: skip-tls-verify: parsing ${JSON.stringify(skip)}: invalid syntax`);
  }
  const host = settings.host ?? "";
  checkHost(host, complaint);
  return { Host: host, SkipTLSVerify: /^(1|t|true)$/i.test(skip), tlsFiles };
}

function checkHost(host: string, complaint: string): void {
  if (host === "") return;
  try {
    parseHost(host, undefined);
  } catch (error) {
    const reason = host.includes("://") ? (error as Error).message : `unable to parse docker host \`${host}\``;
    throw new CliError(`${complaint}: unable to apply docker endpoint options: ${reason}`);
  }
}

async function readText(path: string, complaint: string): Promise<string> {
  const full = path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
  try {
    return await Bun.file(full).text();
  } catch (error) {
    throw new CliError(`${complaint}: ${fileErrorText("open", full, error)}`);
  }
}
