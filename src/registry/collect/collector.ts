/**
 * Garbage collection while the registry works. It marks what manifests need and sweeps the rest; what a push in progress
 * relies on is kept by the catalog's guard: everything uploaded, mounted, looked at or referred to since the grace period
 * before the collection (or before the oldest upload that still moves) began. Each removal stands alone, so that a
 * collection may be ended at any moment.
 */
import { errorText, NaruError } from "../../lib/errors.ts";
import type { Digest } from "../../model/image.ts";
import { readAhead } from "../catalog/json-objects.ts";
import type { OpenCatalog } from "../catalog/registry-catalog.ts";
import type { StoredObject } from "../contract.ts";
import { chunkListKey, digestOfKey, KEYS, partsOfLink } from "../keys.ts";
import { type LiveContent, markLiveContent } from "./live-content.ts";
import { findUntagged } from "./untagged-manifests.ts";

export interface CollectOptions {
  /** Milliseconds; what was used this recently stays. */
  graceMs: number;
  /** Milliseconds; uploads without a byte for this long are given up. */
  uploadAgeMs: number;
  /** Also manifests that no tag reaches. */
  untagged: boolean;
  /** Only counts. */
  dryRun: boolean;
}

export interface CollectReport {
  startedAt: string;
  durationMs: number;
  dryRun: boolean;
  uploads: { count: number; bytes: number };
  manifests: number;
  /** Blobs that a repository had without needing them. */
  links: number;
  blobs: { count: number; bytes: number };
  repositories: number;
  /** Bytes of all content that stays. */
  keptBytes: number;
}

export class Collector {
  private running: Promise<CollectReport> | undefined;
  lastReport: CollectReport | undefined;
  /** Why the last collection ended early, when it did. */
  lastFailure: string | undefined;
  /** Since the start, dry runs left out. */
  readonly totals = { runs: 0, freedBytes: 0 };

  constructor(private readonly open: OpenCatalog) {}

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  /** @throws conflict while another collection runs */
  async collect(options: CollectOptions, signal: AbortSignal): Promise<CollectReport> {
    if (this.running !== undefined) throw new NaruError("conflict", "a collection is running: wait until it has ended");
    this.running = this.run(options, signal);
    this.lastFailure = undefined;
    try {
      this.lastReport = await this.running;
      this.count(this.lastReport);
      return this.lastReport;
    } catch (error) {
      this.lastFailure = errorText(error);
      throw error;
    } finally {
      this.running = undefined;
    }
  }

  private count({ dryRun, blobs, uploads }: CollectReport): void {
    if (dryRun) return;
    this.totals.runs += 1;
    this.totals.freedBytes += blobs.bytes + uploads.bytes;
  }

  private async run(options: CollectOptions, signal: AbortSignal): Promise<CollectReport> {
    const { parts, manifests, uploads } = this.open;
    const startedAt = Date.now();
    const report = emptyReport(startedAt, options.dryRun);
    report.uploads = await uploads.removeAbandoned(startedAt - options.uploadAgeMs, options.dryRun);
    const cutoff = uploads.oldestActiveStart(startedAt) - options.graceMs;
    const unwanted = options.untagged ? await this.removeUntagged(cutoff, report, signal) : new Set<string>();
    const skip = (repository: string, digest: Digest) => unwanted.has(`${repository} ${digest}`);
    const live = await markLiveContent(manifests, parts.names.list(), skip, signal);
    const linked = await this.sweepLinks(live, cutoff, report, signal);
    await this.sweepBlobs(live, linked.digests, cutoff, report, signal);
    await this.sweepNames(live, linked.repositories, cutoff, report);
    if (!options.dryRun) parts.guard.forgetBefore(cutoff);
    report.durationMs = Date.now() - startedAt;
    return report;
  }

  /** @returns the manifests ("repository digest") that are gone, or would be */
  private async removeUntagged(cutoff: number, report: CollectReport, signal: AbortSignal): Promise<Set<string>> {
    const { parts, manifests } = this.open;
    const removed = new Set<string>();
    for (const repository of parts.names.list()) {
      signal.throwIfAborted();
      const candidates = await findUntagged(manifests, repository, cutoff);
      const gone = report.dryRun
        ? candidates.filter((digest) => !parts.guard.isSafe(digest, cutoff))
        : await manifests.removeUntagged(repository, candidates, cutoff);
      for (const digest of gone) removed.add(`${repository} ${digest}`);
    }
    report.manifests = removed.size;
    return removed;
  }

  /** Takes blobs from repositories that do not need them. @returns what is still somebody's */
  private async sweepLinks(live: LiveContent, cutoff: number, report: CollectReport, signal: AbortSignal) {
    const { storage } = this.open.parts;
    const digests = new Set<Digest>();
    const repositories = new Set<string>();
    const sweep = async ({ key, modifiedAt }: { key: string; modifiedAt: number }) => {
      signal.throwIfAborted();
      const { digest, repository } = partsOfLink(key);
      const isWanted = live.isUsedBy(repository, digest) || modifiedAt >= cutoff;
      if (!isWanted && (await this.removeOrCount(digest, cutoff, report.dryRun, () => storage.remove(key)))) {
        report.links += 1;
        return;
      }
      digests.add(digest);
      repositories.add(repository);
    };
    for await (const _swept of readAhead(storage.list(KEYS.links), sweep));
    return { digests, repositories };
  }

  private async sweepBlobs(
    live: LiveContent,
    linked: ReadonlySet<Digest>,
    cutoff: number,
    report: CollectReport,
    signal: AbortSignal,
  ): Promise<void> {
    const { storage } = this.open.parts;
    const sweep = async ({ key, size, modifiedAt }: { key: string } & StoredObject) => {
      signal.throwIfAborted();
      const digest = digestOfKey(key);
      const isWanted = live.has(digest) || linked.has(digest) || modifiedAt >= cutoff;
      const remove = async () => {
        await storage.remove(chunkListKey(digest));
        await storage.remove(key);
      };
      if (!isWanted && (await this.removeOrCount(digest, cutoff, report.dryRun, remove))) {
        report.blobs.count += 1;
        report.blobs.bytes += size;
      } else report.keptBytes += size;
    };
    for await (const _swept of readAhead(storage.list(KEYS.blobs), sweep));
  }

  /** Repositories in which nothing is left. */
  private async sweepNames(
    live: LiveContent,
    linked: ReadonlySet<string>,
    cutoff: number,
    report: CollectReport,
  ): Promise<void> {
    const { names } = this.open.parts;
    for (const repository of names.list()) {
      if (live.hasManifests(repository) || linked.has(repository)) continue;
      const isGone = report.dryRun ? names.lastUse(repository) < cutoff : await names.removeUnused(repository, cutoff);
      if (isGone) report.repositories += 1;
    }
  }

  private async removeOrCount(
    digest: Digest,
    cutoff: number,
    dryRun: boolean,
    remove: () => Promise<void>,
  ): Promise<boolean> {
    const { guard } = this.open.parts;
    return dryRun ? !guard.isSafe(digest, cutoff) : await guard.removeUnused(digest, cutoff, remove);
  }
}

function emptyReport(startedAt: number, dryRun: boolean): CollectReport {
  return {
    startedAt: new Date(startedAt).toISOString(),
    durationMs: 0,
    dryRun,
    uploads: { count: 0, bytes: 0 },
    manifests: 0,
    links: 0,
    blobs: { count: 0, bytes: 0 },
    repositories: 0,
    keptBytes: 0,
  };
}
