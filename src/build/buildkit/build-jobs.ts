/** The builds of BuildKit clients by the names that these gave them; the last ones stay for a while, for those who ask late. */
import { NaruError } from "../../lib/errors.ts";
import { BuildJob } from "./build-job.ts";

/** A client asks for the status of a build at the same time as it begins the build. */
const ARRIVAL_MS = 10_000;
/** Of those that are over; what is told later is read from the history. */
const KEPT_JOBS = 8;

export class BuildJobs {
  private readonly jobs = new Map<string, BuildJob>();
  private readonly waiting = new Map<string, PromiseWithResolvers<BuildJob>>();

  /** @throws {NaruError} conflict when that name is taken */
  begin(ref: string): BuildJob {
    if (ref === "") throw new NaruError("invalid", "the build has no name (Ref)");
    if (this.jobs.has(ref)) throw new NaruError("conflict", `a build named ${ref} exists already`);
    const job = new BuildJob(ref);
    this.jobs.set(ref, job);
    this.waiting.get(ref)?.resolve(job);
    for (const [old, { completedAt }] of this.jobs) {
      if (this.jobs.size <= KEPT_JOBS) break;
      if (completedAt !== undefined) this.jobs.delete(old);
    }
    return job;
  }

  has(ref: string): boolean {
    return this.jobs.has(ref);
  }

  /** What happened in a build that is over is told no more. */
  forget(ref: string): void {
    if (this.jobs.get(ref)?.completedAt !== undefined) this.jobs.delete(ref);
  }

  /** @throws {NaruError} not-found when nobody begins it soon */
  async find(ref: string, signal: AbortSignal): Promise<BuildJob> {
    const known = this.jobs.get(ref);
    if (known) return known;
    const waiting = this.waiting.get(ref) ?? Promise.withResolvers<BuildJob>();
    this.waiting.set(ref, waiting);
    const missing = new NaruError("not-found", `no such job ${ref}`);
    const timer = setTimeout(() => waiting.reject(missing), ARRIVAL_MS);
    signal.addEventListener("abort", () => waiting.reject(signal.reason), { once: true });
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(ref);
    }
  }
}
