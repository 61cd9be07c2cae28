/** /etc/hosts and /etc/resolv.conf for a container, and whom its name server asks. */
import { readFile, stat } from "node:fs/promises";
import { type HostsEntry, ownNames, parseExtraHost, printHosts } from "./hosts-file.ts";
import type { SandboxRecord } from "./network-records.ts";
import {
  forwardedResolvConf,
  hostModeResolvConf,
  internalResolvConf,
  parseResolvConf,
  type ResolvConf,
  upstreamServers,
} from "./resolv-conf.ts";

const DEFAULT_PATH = "/etc/resolv.conf";
/** The servers behind systemd-resolved's stub on 127.0.0.53. */
const SYSTEMD_PATH = "/run/systemd/resolve/resolv.conf";
const SYSTEMD_STUB = "127.0.0.53";

/** The machine's resolv.conf, read again when it changes. */
export class HostResolvConf {
  path = DEFAULT_PATH;
  #conf: ResolvConf = parseResolvConf("");
  /** What the stub of systemd-resolved was replaced by. */
  #real: { conf: ResolvConf; path: string } | undefined;
  #version = "";

  constructor(readonly file: string = DEFAULT_PATH) {
    this.path = file;
  }

  /** Reads the file when it is newer than what is known; a missing file reads as an empty one. */
  async refresh(): Promise<void> {
    const status = await stat(this.file).catch(() => undefined);
    const version = `${status?.mtimeMs} ${status?.size} ${status?.ino}`;
    if (version === this.#version) return;
    this.#version = version;
    this.#conf = parseResolvConf(await readFile(this.file, "utf8").catch(() => ""));
    const isStub = this.#conf.nameservers.length === 1 && this.#conf.nameservers[0] === SYSTEMD_STUB;
    const text = isStub ? await readFile(SYSTEMD_PATH, "utf8").catch(() => undefined) : undefined;
    this.#real = text === undefined ? undefined : { conf: parseResolvConf(text), path: SYSTEMD_PATH };
  }

  /** For containers in the host's network: they reach the stub. */
  printForHostMode(): string {
    return hostModeResolvConf(this.#conf, this.file, { dns: [], dnsSearch: [], dnsOptions: [] });
  }

  print(sandbox: SandboxRecord): string {
    const { conf, path } = this.#real ?? { conf: this.#conf, path: this.file };
    return sandbox.nameServer === undefined
      ? forwardedResolvConf(conf, path, sandbox)
      : internalResolvConf(conf, path, sandbox);
  }

  /** The name server asks from the machine's own network, so that servers on its loopback are fine. */
  upstream(sandbox: SandboxRecord): string[] {
    return upstreamServers(this.#conf, sandbox.dns);
  }
}

/** @param findSandbox other containers, for the links of the default bridge */
export function sandboxHosts(
  sandbox: SandboxRecord,
  findSandbox: (containerId: string) => SandboxRecord | undefined,
): string {
  const entries: HostsEntry[] = sandbox.extraHosts.flatMap((text) => parseExtraHost(text) ?? []);
  for (const { containerId, alias } of sandbox.links) {
    const other = findSandbox(containerId);
    const ip = other?.endpoints.find(({ networkName }) => networkName === "bridge")?.ipv4;
    if (other === undefined || ip === undefined) continue;
    entries.push({ ip, names: [...new Set([alias, other.hostname, other.containerName])] });
  }
  const names = ownNames(sandbox.hostname, sandbox.domainname);
  for (const { ipv4, ipv6 } of sandbox.endpoints) {
    for (const ip of [ipv4, ipv6]) if (ip !== undefined) entries.push({ ip, names });
  }
  return printHosts(entries);
}
