/** The builds of BuildKit clients by the names that these gave them; the last ones stay for a while, for those who ask late. */
import { NaruError } from "../../lib/errors.ts";
import { Arrivals } from "./arrivals.ts";
import { BuildJob } from "./build-job.ts";

/** A client asks for the status of a build at the same time as it begins the build. */
const ARRIVAL_MS = 10_000;
/** Of those that are over; what is told later is read from the history. */
const KEPT_JOBS = 8;

export class BuildJobs {
  private readonly jobs = new Arrivals<BuildJob>(ARRIVAL_MS);

  /** @throws {NaruError} conflict when that name is taken */
  begin(ref: string): BuildJob {
    if (ref === "") throw new NaruError("invalid", "the build has no name (Ref)");
    if (this.has(ref)) throw new NaruError("conflict", `a build named ${ref} exists already`);
    const job = new BuildJob(ref);
    this.jobs.add(ref, job);
    for (const [old, { completedAt }] of this.jobs.entries()) {
      if (this.jobs.size <= KEPT_JOBS) break;
      if (completedAt !== undefined) this.jobs.delete(old);
    }
    return job;
  }

  has(ref: string): boolean {
    return this.jobs.get(ref) !== undefined;
  }

  /** What happened in a build that is over is told no more. */
  forget(ref: string): void {
    if (this.jobs.get(ref)?.completedAt !== undefined) this.jobs.delete(ref);
  }

  /** @throws {NaruError} not-found when nobody begins it soon */
  find(ref: string, signal: AbortSignal): Promise<BuildJob> {
    return this.jobs.wait(ref, signal, () => new NaruError("not-found", `no such job ${ref}`));
  }
}
