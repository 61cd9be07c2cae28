/** Schedules and scaling of Compose projects over the engine of this process. */
import type { ReadLoad } from "../compose/automation/contract.ts";
import { StoredAutomation } from "../compose/automation/project-automation.ts";
import type { Engine } from "../engine/contract.ts";
import type { NetworkController } from "../network/contract.ts";
import type { StateStore } from "../store/contract.ts";
import { InProcessEngine } from "./compose-engine.ts";
import type { Log } from "./log.ts";

interface Parts {
  engine: Engine;
  networks: NetworkController;
  store: StateStore;
  log: Log;
}

/** Takes up what was registered with an earlier daemon. */
export function startComposeAutomation({ engine, networks, store, log }: Parts): StoredAutomation {
  const automation = new StoredAutomation({
    engine: new InProcessEngine(engine),
    store,
    log,
    readLoad: loadReader(engine, networks),
  });
  automation.start();
  return automation;
}

function loadReader(engine: Engine, networks: NetworkController): ReadLoad {
  return async (container, { requests }) => {
    const { State, HostConfig } = await engine.containers.inspect(container);
    if (!State.Running) return undefined;
    const signal = AbortSignal.timeout(10_000);
    const stats = await engine.containers.stats(container, { stream: false, oneShot: true }, signal);
    const [counted, sample] = await Promise.all([
      requests ? networks.countRequests(container) : undefined,
      Array.fromAsync(stats).then(([first]) => first),
    ]);
    if (sample === undefined) return undefined;
    const { memory_stats: memory, cpu_stats: cpu } = sample;
    const { NanoCpus, CpuQuota, CpuPeriod, Memory } = HostConfig;
    const quota = CpuQuota && CpuQuota > 0 ? CpuQuota / (CpuPeriod || 100_000) : undefined;
    return {
      cpuNs: cpu.cpu_usage.total_usage,
      cpuLimit: NanoCpus ? NanoCpus / 1e9 : quota,
      // As `docker stats` counts: pages of files that were not used lately are free for the taking.
      memoryBytes: (memory.usage ?? 0) - Number(memory.stats?.inactive_file ?? 0),
      memoryLimitBytes: Memory || undefined,
      requests: counted,
    };
  };
}
