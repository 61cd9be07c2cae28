/**
 * Manifests of copies. A tag is compared with the upstream when its time is over, and served as it was when the upstream does
 * not answer; digests never change.
 */
import { errorText, isKind, NaruError } from "../../lib/errors.ts";
import type { Actor, RegistryCatalog, StoredManifest } from "../contract.ts";
import { RegistryError } from "../registry-error.ts";
import { isUnknownThere, type UpstreamLink } from "./upstream-link.ts";
import type { CachedName } from "./upstreams.ts";
import type { UseRecord } from "./use-record.ts";

/** Who stores what the upstream gave, in events. */
export const CACHE_USER = "naru-cache";
const ACTOR: Actor = { user: CACHE_USER, remoteAddress: "" };
/** With an old answer at hand nobody waits longer for a new one. */
const COMPARE_TIMEOUT_MS = 5000;
export const MANIFEST_TIMEOUT_MS = 60_000;

export type CacheOutcome = "hit" | "miss" | "revalidated" | "stale" | "failed";
export type CountCached = (what: "manifest" | "blob", outcome: CacheOutcome, bytes: number) => void;

export class CachedManifests {
  readonly #lookups = new Map<string, Promise<StoredManifest | undefined>>();

  constructor(
    private readonly inner: RegistryCatalog,
    private readonly link: UpstreamLink,
    private readonly use: UseRecord,
    private readonly count: CountCached,
  ) {}

  /** Undefined when neither the upstream nor the cache has it. Requests for the same at the same time share one answer. */
  async find(name: CachedName, reference: string): Promise<StoredManifest | undefined> {
    const key = `${name.stored} ${reference}`;
    let lookup = this.#lookups.get(key);
    if (lookup === undefined) {
      lookup = this.#lookUp(name, reference).finally(() => this.#lookups.delete(key));
      this.#lookups.set(key, lookup);
    }
    const found = await lookup;
    if (found !== undefined) this.use.used(name.stored, found.descriptor.digest);
    return found;
  }

  async #lookUp(name: CachedName, reference: string): Promise<StoredManifest | undefined> {
    const here = await this.inner.findManifest(name.stored, reference);
    const isTag = !reference.includes(":");
    const isFresh = !isTag || Date.now() - this.use.comparedAt(name.stored, reference) < name.upstream.ttlMs;
    if (here !== undefined && isFresh) {
      this.count("manifest", "hit", here.bytes.length);
      return here;
    }
    if (here !== undefined && this.link.isPaused(name)) {
      this.count("manifest", "stale", here.bytes.length);
      return here;
    }
    try {
      return await this.#ask(name, reference, here);
    } catch (error) {
      return await this.#answerWithout(name, reference, here, error);
    }
  }

  /** Asks the upstream: first only for the digest when there is something to compare it with. */
  async #ask(name: CachedName, reference: string, here: StoredManifest | undefined): Promise<StoredManifest> {
    const remote = await this.link.open(name);
    if (here !== undefined) {
      const current = await remote.resolve(reference, { signal: AbortSignal.timeout(COMPARE_TIMEOUT_MS) });
      if (current.digest === here.descriptor.digest) {
        this.use.compared(name.stored, reference);
        this.count("manifest", "revalidated", here.bytes.length);
        return here;
      }
    }
    const { descriptor, bytes } = await remote.fetchManifest(reference, {
      signal: AbortSignal.timeout(MANIFEST_TIMEOUT_MS),
    });
    const manifest = { mediaType: descriptor.mediaType, bytes };
    try {
      await this.inner.putManifest(name.stored, reference, manifest, ACTOR, { mayLackContent: true });
      if (!reference.includes(":")) this.use.compared(name.stored, reference);
    } catch (error) {
      // A full disk: it is asked for again then.
      this.link.warn("a manifest could not be kept", error);
    }
    this.count("manifest", "miss", bytes.length);
    this.link.succeeded(name);
    return { descriptor, bytes };
  }

  async #answerWithout(
    name: CachedName,
    reference: string,
    here: StoredManifest | undefined,
    error: unknown,
  ): Promise<StoredManifest | undefined> {
    if (here === undefined && isUnknownThere(error)) return undefined;
    if (here !== undefined && isKind(error, "not-found")) {
      if (reference.includes(":")) return here;
      await this.inner.deleteManifest(name.stored, reference, ACTOR).catch(() => {});
      this.use.forget(name.stored, { tag: reference });
      return undefined;
    }
    this.link.failed(name, error);
    this.count("manifest", here === undefined ? "failed" : "stale", here?.bytes.length ?? 0);
    if (here !== undefined) return here;
    const message = `${name.upstream.host} did not give ${name.path}: ${errorText(error)}`;
    // Clients know what to make of this one: they wait, or tell it as it is.
    if (isKind(error, "rate-limited")) throw new RegistryError("TOOMANYREQUESTS", message, { cause: error });
    throw new NaruError("unavailable", message, { cause: error });
  }
}
