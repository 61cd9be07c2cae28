/** When the cache makes room: every so often, and sooner when a good part of its limit was stored since. */
import type { RegistryCatalog } from "../contract.ts";
import { PeriodicRun } from "../periodic-run.ts";
import { type EvictionLimits, evict } from "./eviction.ts";
import type { Upstreams } from "./upstreams.ts";
import type { UseRecord } from "./use-record.ts";

const EVERY_MS = 10 * 60_000;
/** Of the limit. */
const PART = 20;

interface EvictionParts {
  catalog: RegistryCatalog;
  upstreams: Upstreams;
  use: UseRecord;
  limits: EvictionLimits;
  log: {
    info(message: string, fields?: Record<string, unknown>): void;
    warn(message: string, fields?: Record<string, unknown>): void;
  };
}

export class CacheEviction {
  readonly #runs: PeriodicRun;
  #storedBytes = 0;

  constructor(private readonly parts: EvictionParts) {
    const warn = (message: string, fields: Record<string, unknown>) => parts.log.warn(message, fields);
    this.#runs = new PeriodicRun(undefined, EVERY_MS, () => this.#run(), warn);
  }

  /** Nothing without limits. */
  async start(): Promise<void> {
    const { maxBytes, maxAgeMs } = this.parts.limits;
    if (maxBytes !== undefined || maxAgeMs !== undefined) await this.#runs.start();
  }

  /** So many bytes are on their way into the cache. */
  stored(bytes: number): void {
    const { maxBytes } = this.parts.limits;
    this.#storedBytes += bytes;
    if (maxBytes !== undefined && this.#storedBytes > maxBytes / PART) this.#runs.soon();
  }

  stop(): Promise<void> {
    return this.#runs.stop();
  }

  async #run(): Promise<void> {
    this.#storedBytes = 0;
    const { catalog, upstreams, use, limits, log } = this.parts;
    const warn = (message: string, fields: Record<string, unknown>) => log.warn(message, fields);
    const { evicted, bytes } = await evict(catalog, upstreams, use, limits, warn);
    if (evicted > 0) log.info("the cache made room", { manifests: evicted, bytesLeft: bytes });
  }
}
