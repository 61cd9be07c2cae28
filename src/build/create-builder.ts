/** The builder: requests are planned by the frontend, solved, and exported. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { errorText, NaruError } from "../lib/errors.ts";
import { parseReference } from "../lib/image-reference.ts";
import { machineArchitecture } from "../lib/machine-architecture.ts";
import { Slots } from "../lib/slots.ts";
import { workerEntry } from "../lib/worker-entry.ts";
import { WorkerPool } from "../lib/worker-pool.ts";
import type { BuildCacheRecord, Builder, BuildOutput, BuildRequest, BuildResult, CacheLimit } from "./contract.ts";
import { checkEntitlements } from "./entitlements.ts";
import { planDockerfile } from "./frontend/dockerfile-frontend.ts";
import { answerSubrequest } from "./frontend/subrequests.ts";
import { withAttestations } from "./solver/attestations.ts";
import { BuildRun } from "./solver/build-run.ts";
import type { BuilderParts, SolverContext } from "./solver/builder-parts.ts";
import { exportCache, withInlineCache } from "./solver/cache-export.ts";
import { ImportedCaches } from "./solver/cache-import.ts";
import { CacheMounts } from "./solver/cache-mounts.ts";
import { CachePruner } from "./solver/cache-pruner.ts";
import { CacheStore, newRecordId } from "./solver/cache-store.ts";
import { cacheUsage } from "./solver/cache-usage.ts";
import { DigestMemo } from "./solver/digest-memo.ts";
import { exportFiles } from "./solver/export-files.ts";
import { exportArchive, exportImage, type ImageExport } from "./solver/export-image.ts";
import { sweepGitCheckouts } from "./solver/git-source.ts";
import type { BuildPlan, Frontend } from "./solver/graph.ts";
import { type ConfiguredTarget, configureTarget } from "./solver/image-config.ts";
import { imageMetadata } from "./solver/image-metadata.ts";
import { LayoutImages } from "./solver/layout-image.ts";
import { MissHistory } from "./solver/miss-history.ts";
import { BuildPlanning } from "./solver/planning.ts";
import { wholeProvenance } from "./solver/provenance.ts";
import type { PruneWish } from "./solver/prune-plan.ts";
import { Solver } from "./solver/solver.ts";
import { squashTarget } from "./solver/squash.ts";
import { agentDirectory } from "./solver/ssh-relay.ts";
import { stepDigest } from "./solver/step-digest.ts";
import { TreeViews } from "./solver/tree-views.ts";

/** Long enough for the next step of the same build, short enough that an idle daemon soon has none. */
const WORKER_IDLE_MS = 3000;
/** Steps that wait for a network or sleep do not use a processor. */
const MIN_PARALLEL_STEPS = 4;

/** Opens the builder under `<data root>/builder` and clears up what a crash left there. */
export async function createBuilder(parts: BuilderParts, frontend: Frontend = planDockerfile): Promise<Builder> {
  const directory = join(parts.config.dataRoot, "builder");
  for (const name of ["stat-cache", "contexts", "cache-mounts"])
    await mkdir(join(directory, name), { recursive: true, mode: 0o700 });
  const views = new TreeViews(parts.config.execRoot);
  await views.sweep();
  for (const name of await readdir(join(directory, "contexts"))) {
    await rm(join(directory, "contexts", name), { recursive: true, force: true });
  }
  await sweepGitCheckouts(parts.config.instance);
  await rm(agentDirectory(parts.config.execRoot), { recursive: true, force: true });
  const entry = workerEntry("src/build/solver/build-worker.ts", import.meta.url);
  const pool = new WorkerPool(() => new Worker(entry), {
    maxWorkers: Math.max(4, availableParallelism()),
    idleMs: WORKER_IDLE_MS,
  });
  const cacheMounts = new CacheMounts(parts.store, directory);
  const builder = new LocalBuilder(
    {
      ...parts,
      pool,
      views,
      cacheMounts,
      digestMemo: new DigestMemo(),
      layoutImages: new LayoutImages(parts.images),
      directory,
    },
    frontend,
  );
  await builder.sweep();
  return builder;
}

class LocalBuilder implements Builder {
  private readonly cache: CacheStore;
  private readonly solver: Solver;
  private readonly pruner: CachePruner;
  private readonly closing = new AbortController();
  private readonly underWay = new Set<Promise<void>>();

  constructor(
    private readonly context: SolverContext,
    private readonly frontend: Frontend,
  ) {
    this.cache = new CacheStore(context.store);
    this.pruner = new CachePruner(context, this.cache, context.config.gc);
    const atOnce = Math.max(MIN_PARALLEL_STEPS, availableParallelism());
    this.solver = new Solver(context, this.cache, new MissHistory(context.store), new Slots(() => atOnce));
  }

  build(request: BuildRequest, onEvent: Parameters<Builder["build"]>[1], signal: AbortSignal): Promise<BuildResult> {
    const run = new BuildRun(request, onEvent, AbortSignal.any([signal, this.closing.signal]));
    const work = this.buildAll(run);
    const ended = work.then(
      () => {},
      () => {},
    );
    this.underWay.add(ended);
    void ended.then(() => this.underWay.delete(ended));
    return work;
  }

  async close(): Promise<void> {
    this.closing.abort(new NaruError("unavailable", "the daemon is ending; start the build again later"));
    await Promise.all(this.underWay);
    await this.pruner.close();
  }

  private async buildAll(run: BuildRun): Promise<BuildResult> {
    try {
      checkEntitlements(run.request.entitlements, this.context.config.entitlements());
      checkNames(run.request.outputs);
      const services = new BuildPlanning(this.context, run);
      if (run.request.onlyCheck) {
        return { metadata: {}, warnings: [], answer: await answerSubrequest(run.request, services) };
      }
      if (run.request.cacheFrom.length > 0) {
        run.imported = new ImportedCaches(this.context, this.cache, run);
        await run.imported.open(run.request.cacheFrom);
      }
      const plan = await (run.request.plan?.(services) ?? this.frontend(run.request, services));
      return await this.solvePlan(plan, run);
    } finally {
      // What still runs is of no use to anybody; nothing is left behind when it has ended.
      run.abort(new DOMException("the build is over", "AbortError"));
      await Promise.allSettled(run.results.values());
      await run.undo.disposeAsync();
      this.pruner.applyLimitsSoon();
    }
  }

  private async solvePlan(plan: BuildPlan, run: BuildRun): Promise<BuildResult> {
    run.latestSeconds = plan.sourceDateEpoch;
    run.emit({
      type: "instructions",
      list: plan.instructions.map(({ text, step }) => ({ text, ...(step ? { step: stepDigest(step) } : {}) })),
    });
    const facts = {
      request: run.request,
      plan,
      builderPlatform: { os: "linux", architecture: machineArchitecture() },
      startedAt: run.startedAt,
      invocationId: newRecordId(),
    };
    const targets: ConfiguredTarget[] = await Promise.all(
      plan.targets.map(async (target) => {
        const made = await configureTarget(run, { target, result: await this.solver.solve(target.root, run) });
        const { squash } = run.request;
        const whole = squash ? await squashTarget(this.context, this.cache, made, run.signal) : made;
        const cached = await withInlineCache(this.context, this.cache, run, whole);
        return withAttestations(this.context, run, cached, facts);
      }),
    );
    const result: BuildResult = { metadata: {}, warnings: plan.warnings, provenance: () => wholeProvenance(facts) };
    await exportCache(this.context, this.cache, run, targets);
    if (run.cacheRoot) result.metadata["cache.manifest"] = JSON.stringify(run.cacheRoot);
    for (const output of run.request.outputs) await this.export(output, { targets, run }, result);
    const config = targets[0]?.config.config;
    return config ? { ...result, config: { Config: config } } : result;
  }

  private async export(output: BuildOutput, from: ImageExport, result: BuildResult): Promise<void> {
    switch (output.type) {
      case "image": {
        const published = await exportImage(this.context, from, output);
        result.imageId = published.image.id;
        Object.assign(result.metadata, imageMetadata(published, output.names, true));
        return;
      }
      case "oci":
      case "docker":
        Object.assign(
          result.metadata,
          imageMetadata(await exportArchive(this.context, from, output), output.names, false),
        );
        return;
      case "tar":
      case "local":
        await exportFiles(this.context, from.run, from.targets, output);
    }
  }

  async listCache(): Promise<BuildCacheRecord[]> {
    return (await cacheUsage(this.context, this.cache)).map(({ row }) => row);
  }

  listLimits(): Promise<CacheLimit[]> {
    return this.pruner.listLimits();
  }

  pruneCache(options: PruneWish): Promise<{ deleted: BuildCacheRecord[]; spaceReclaimed: number }> {
    return this.pruner.prune(options);
  }

  /** Layers whose record never became durable. */
  async sweep(): Promise<void> {
    const { workshop } = this.context;
    const here = new Set(workshop.listLayers());
    // A power cut may have taken layers of the last seconds.
    for (const record of [...this.cache.records.values()]) {
      if (record.layer !== undefined && !here.has(record.layer)) await this.cache.remove(record);
    }
    const known = new Set([...this.cache.records.values()].map(({ layer }) => layer));
    for (const id of workshop.listLayers()) if (!known.has(id)) await workshop.removeLayer(id);
  }
}

/** Before anything is built. @throws {NaruError} invalid, in the words of docker's plugin */
function checkNames(outputs: readonly BuildOutput[]): void {
  for (const name of outputs.flatMap((output) => ("names" in output ? output.names : []))) {
    try {
      parseReference(name);
    } catch (cause) {
      throw new NaruError("invalid", `invalid tag ${JSON.stringify(name)}: ${errorText(cause)}`, { cause });
    }
  }
}
