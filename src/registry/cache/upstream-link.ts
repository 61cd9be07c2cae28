/** The way to the upstreams: who was asked, who failed and is left alone for a while. */
import type { RegistryClient, RemoteRepository } from "../../distribution/contract.ts";
import { errorText, isKind } from "../../lib/errors.ts";
import type { CachedName } from "./upstreams.ts";

/** An upstream that failed is left alone for so long, while there is something to serve instead. */
const FAILURE_PAUSE_MS = 10_000;

export interface WarningLog {
  warn(message: string, fields?: Record<string, unknown>): void;
}

export class UpstreamLink {
  readonly #pausedUntil = new Map<string, number>();

  constructor(
    private readonly client: RegistryClient,
    private readonly log: WarningLog,
  ) {}

  async open({ upstream, path }: CachedName): Promise<RemoteRepository> {
    const credentials = await upstream.credentials?.();
    return this.client.repository({ domain: upstream.host, path }, { credentials, actions: "pull" });
  }

  isPaused({ upstream }: CachedName): boolean {
    return (this.#pausedUntil.get(upstream.host) ?? 0) > Date.now();
  }

  succeeded({ upstream }: CachedName): void {
    this.#pausedUntil.delete(upstream.host);
  }

  /** Something of this machine's went wrong on the way. */
  warn(message: string, error: unknown): void {
    this.log.warn(message, { reason: errorText(error) });
  }

  failed({ upstream, path }: CachedName, error: unknown): void {
    if (!isUnknownThere(error)) this.#pausedUntil.set(upstream.host, Date.now() + FAILURE_PAUSE_MS);
    this.log.warn("the upstream failed", { host: upstream.host, repository: path, reason: errorText(error) });
  }
}

/** Registries say "unauthorized" of what is not there too, as long as nobody logged in. */
export function isUnknownThere(error: unknown): boolean {
  return isKind(error, "not-found") || isKind(error, "unauthorized") || isKind(error, "forbidden");
}
