/** The builds of BuildKit clients by the names that these gave them; the last ones stay for a while, for those who ask late. */
import { NaruError } from "../../lib/errors.ts";
import { BuildJob } from "./build-job.ts";

/** A client asks for the status of a build at the same time as it begins the build. */
const ARRIVAL_MS = 10_000;
/** Of those that are over; what is told later is read from the history. */
const KEPT_JOBS = 8;

export class BuildJobs {
  private readonly jobs = new Map<string, BuildJob>();
  private readonly waiting = new Map<string, Set<(job: BuildJob) => void>>();

  /** @throws {NaruError} conflict when that name is taken */
  begin(ref: string): BuildJob {
    if (ref === "") throw new NaruError("invalid", "the build has no name (Ref)");
    if (this.jobs.has(ref)) throw new NaruError("conflict", `a build named ${ref} exists already`);
    const job = new BuildJob(ref);
    this.jobs.set(ref, job);
    for (const tell of this.waiting.get(ref) ?? []) tell(job);
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
    const { promise, resolve, reject } = Promise.withResolvers<BuildJob>();
    const waiting = this.waiting.get(ref) ?? new Set();
    this.waiting.set(ref, waiting.add(resolve));
    const timer = setTimeout(() => reject(new NaruError("not-found", `no such job ${ref}`)), ARRIVAL_MS);
    const leave = () => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
      waiting.delete(resolve);
      if (waiting.size === 0) this.waiting.delete(ref);
    }
  }
}
