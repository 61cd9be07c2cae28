/** The registry client: keeps what hosts and tokens are known, and hands out repositories. */
import { BearerTokens } from "./bearer-tokens.ts";
import { checkCredentials } from "./check-credentials.ts";
import type { RegistryClient, RegistrySettings } from "./contract.ts";
import { mirrorAddresses, registryAddress } from "./registry-addresses.ts";
import { errorOfReply } from "./registry-error.ts";
import { type Access, type HostAddress, RegistryHost } from "./registry-host.ts";
import { searchRegistry } from "./registry-search.ts";
import { createRemoteRepository } from "./remote-repository.ts";
import type { RetryRule } from "./retry.ts";

interface RegistryClientOptions {
  /** Read for every request, so that a changed configuration applies. */
  settings: () => RegistrySettings;
  /** "naru/0.2.0 …". */
  userAgent: string;
  /** For tests and for the brave; the defaults suit the open net. */
  timing?: Partial<RegistryTiming>;
}
export interface RegistryTiming {
  /** A connection that stands still this long is given up and tried again. */
  idleTimeoutMs: number;
  requests: RetryRule;
  blobs: RetryRule;
}

const DEFAULT_TIMING: RegistryTiming = {
  idleTimeoutMs: 60_000,
  requests: { attempts: 4, firstDelayMs: 300, longestDelayMs: 10_000 },
  blobs: { attempts: 5, firstDelayMs: 1000, longestDelayMs: 30_000 },
};
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** How long what a host said on GET /v2/ is believed. */
const HOST_LIFE_MS = 10 * 60_000;

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { settings, userAgent } = options;
  const timing = { ...DEFAULT_TIMING, ...options.timing };
  const tokens = new BearerTokens();
  const hosts = new Map<string, { host: RegistryHost; endsAt: number }>();

  const hostAt = (address: HostAddress): RegistryHost => {
    const certificateDirs = settings().certificateDirs;
    const key = JSON.stringify([address, certificateDirs]);
    const known = hosts.get(key);
    if (known && known.endsAt > Date.now()) return known.host;
    for (const [old, { endsAt }] of hosts) if (endsAt <= Date.now()) hosts.delete(old);
    const host = new RegistryHost(address, { tokens, certificateDirs, userAgent, idleTimeoutMs: timing.idleTimeoutMs });
    hosts.set(key, { host, endsAt: Date.now() + HOST_LIFE_MS });
    return host;
  };

  return {
    repository({ domain, path }, { credentials, actions, mountFrom = [] }) {
      const others = mountFrom.map((other) => `repository:${other}:pull`);
      const access: Access = { credentials, scopes: [`repository:${path}:${actions}`, ...others].sort() };
      // A login is for the registry; its mirrors are somebody else's.
      const anonymous: Access = { scopes: [`repository:${path}:pull`] };
      const own = () => ({ host: hostAt(registryAddress(domain, settings())), access });
      return createRemoteRepository({
        domain,
        path,
        writeTo: own,
        readFrom: () => {
          // What is pushed to is read from itself: a mirror may be behind.
          if (actions !== "pull") return [own()];
          const mirrors = mirrorAddresses(domain, settings()).map((address) => hostAt(address));
          const awake = mirrors.filter((host) => !host.isResting);
          return [...awake.map((host) => ({ host, access: anonymous })), own()];
        },
        requestRule: timing.requests,
        blobRule: { ...timing.blobs, attempts: settings().downloadAttempts ?? timing.blobs.attempts },
      });
    },
    checkCredentials: (credentials, { signal } = {}) =>
      checkCredentials(credentials, (domain) => hostAt(registryAddress(domain, settings())), signal),
    search: (term, searchOptions) => {
      const host = (domain: string) => hostAt(registryAddress(domain, settings()));
      return searchRegistry(term, searchOptions, host);
    },
    ask: async (domain, { method, path, scopes, credentials, signal }) => {
      const reply = await hostAt(registryAddress(domain, settings())).send(
        path,
        { credentials, scopes },
        { method, signal },
      );
      if (!reply.isSuccess) throw await errorOfReply(reply);
      const text = await reply.text(MAX_ANSWER_BYTES);
      return text === "" ? undefined : JSON.parse(text);
    },
  };
}
