/** The cluster of this daemon: kept settings, start and stop; what it is made of is loaded when there is one. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "../engine/contract.ts";
import type {
  ClusterControl,
  ClusterFacts,
  ClusterSettings,
  SimulationSettings,
  SimulationState,
} from "../kube/cluster-control.ts";
import { errorText, NaruError } from "../lib/errors.ts";
import { writeWhole } from "../lib/whole-file.ts";
import type { Log } from "./log.ts";
import type { RunningCluster } from "./start-cluster.ts";

const DEFAULT_LISTEN = "0.0.0.0:6443";

export interface ClusterSurroundings {
  engine: Engine;
  dataRoot: string;
  execRoot: string;
  /** Tells this daemon's kernel objects from those of others. */
  instance: string;
  log: Log;
  /** Called for every request. */
  onRequest(): void;
}

interface KeptSettings extends ClusterSettings {
  /** True: the cluster starts with the daemon. */
  enabled: boolean;
}

export class Cluster implements ClusterControl {
  #running: RunningCluster | undefined;
  /** One start or stop at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly surroundings: ClusterSurroundings,
    private kept: KeptSettings,
  ) {}

  /** Starts it when it ran last, or when `wanted` says so. @throws {NaruError} what start() throws, when it was wanted */
  static async open(surroundings: ClusterSurroundings, wanted: ClusterSettings | undefined): Promise<Cluster> {
    const cluster = new Cluster(surroundings, await readSettings(settingsPath(surroundings)));
    if (wanted !== undefined) await cluster.start(wanted);
    else if (cluster.kept.enabled) {
      // Containers must be reachable also when the cluster cannot start.
      await cluster.start({}).catch((error: unknown) => {
        surroundings.log.error("the cluster could not be started", { reason: errorText(error) });
      });
    }
    return cluster;
  }

  start(settings: ClusterSettings): Promise<ClusterFacts> {
    return this.#inTurn(async () => {
      const { enabled: _, ...before } = this.kept;
      const wanted = { listen: DEFAULT_LISTEN, ...before, ...settings };
      if (this.#running !== undefined) {
        const changed = Object.entries(settings).filter(
          ([name, value]) => value !== this.kept[name as keyof ClusterSettings],
        );
        if (changed.length === 0) return this.facts();
        const list = changed.map(([name, value]) => `${name}=${value}`).join(", ");
        throw new NaruError("conflict", `the cluster runs with other settings than ${list}: stop it first`);
      }
      const [{ startCluster }, { reserveServiceRange }] = await Promise.all([
        import("./start-cluster.ts"),
        import("../kube/services/service-range.ts"),
      ]);
      // Kept from then on: services have addresses of it.
      const reserved =
        wanted.serviceCidr === undefined ? await reserveServiceRange(this.surroundings.instance) : undefined;
      const serviceCidr = wanted.serviceCidr ?? reserved!.cidr;
      await using undo = new AsyncDisposableStack();
      undo.defer(() => reserved?.release());
      this.#running = await startCluster(this.surroundings, { ...wanted, serviceCidr });
      undo.move();
      await this.#keep({ ...wanted, serviceCidr, enabled: true });
      return this.facts();
    });
  }

  stop(graceSeconds: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#running?.stop({ podGraceSeconds: graceSeconds });
      this.#running = undefined;
      await this.#keep({ ...this.kept, enabled: false });
    });
  }

  /** The daemon ends; pods go on. */
  async close(): Promise<void> {
    await this.#turn.catch(() => {});
    await this.#running?.stop({});
    this.#running = undefined;
  }

  facts(): ClusterFacts {
    return this.#running === undefined ? { state: "stopped" } : this.#running.facts();
  }

  kubeconfig(): string {
    return this.#mustRun().kubeconfig();
  }

  simulate(settings: SimulationSettings): Promise<SimulationState> {
    return this.#inTurn(() => this.#mustRun().simulate(settings));
  }

  #mustRun(): RunningCluster {
    if (this.#running !== undefined) return this.#running;
    throw new NaruError("conflict", "no cluster runs in this daemon: start one with `naru cluster start`");
  }

  async #keep(settings: KeptSettings): Promise<void> {
    this.kept = settings;
    const path = settingsPath(this.surroundings);
    await mkdir(join(path, ".."), { recursive: true, mode: 0o700 });
    await writeWhole(path, `${JSON.stringify(settings, undefined, 2)}\n`, 0o600);
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.catch(() => {}).then(act);
    this.#turn = turn;
    return turn;
  }
}

function settingsPath({ dataRoot }: ClusterSurroundings): string {
  return join(dataRoot, "cluster", "settings.json");
}

async function readSettings(path: string): Promise<KeptSettings> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as KeptSettings;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { enabled: false };
    throw new NaruError("unavailable", `cannot read the cluster's settings ${path}: ${errorText(error)}`);
  }
}
