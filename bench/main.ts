/**
 * naru beside docker and podman on the same work: `npm run bench [-- --runs N] [-- --only WORD]`.
 * Prints a row per figure with each engine's median, the ratio to naru and naru's gate. An absent peer is said loudly.
 */
import { type Engine, findDocker, findPodman, startNaru } from "./engines.ts";
import { importBusybox } from "./import-busybox.ts";
import { inParallel, median, pidsOf, pssBytes, timeCommand } from "./measure.ts";

interface Figure {
  name: string;
  unit: "ms" | "MB";
  /** The value that naru must not exceed. */
  gate: number;
  /** False: podman has no daemon to ask. */
  podman: boolean;
  measure(engine: Engine, runs: number): Promise<number>;
}

const IMAGE = "naru-bench-busybox";
const COUNT = 50;
const names = Array.from({ length: COUNT }, (_, i) => `bench-${i}`);
const go = (engine: Engine, ...words: string[]) => timeCommand([...engine.client, ...words], engine.env);
async function repeated(runs: number, once: () => Promise<number>): Promise<number> {
  await once();
  const values: number[] = [];
  for (let i = 0; i < runs; i++) values.push(await once());
  return median(values);
}
const startIdle = (engine: Engine, width: number) =>
  inParallel(
    names.map((name) => () => go(engine, "run", "-d", "--name", name, IMAGE, "sleep", "100000")),
    width,
  );
const removeIdle = (engine: Engine) => go(engine, "rm", "-f", ...names);
async function withIdle<T>(engine: Engine, work: () => Promise<T>): Promise<T> {
  await startIdle(engine, 8);
  try {
    return await work();
  } finally {
    await removeIdle(engine);
  }
}
/** One container that only sleeps, for figures that need something running. */
async function withOne<T>(engine: Engine, work: (name: string) => Promise<T>): Promise<T> {
  await go(engine, "run", "-d", "--name", "bench-one", IMAGE, "sleep", "100000");
  try {
    return await work("bench-one");
  } finally {
    await go(engine, "rm", "-f", "bench-one");
  }
}
async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

const FIGURES: Figure[] = [
  {
    name: "run --rm true",
    unit: "ms",
    gate: 50,
    podman: true,
    measure: (e, runs) => repeated(runs, () => go(e, "run", "--rm", IMAGE, "true")),
  },
  {
    name: "50 detached, 8 at a time",
    unit: "ms",
    gate: 1500,
    podman: true,
    measure: async (e) => {
      const value = await elapsed(() => startIdle(e, 8));
      await removeIdle(e);
      return value;
    },
  },
  {
    name: "50 removed by rm -f",
    unit: "ms",
    gate: 800,
    podman: true,
    measure: async (e) => {
      await startIdle(e, 8);
      return elapsed(() => removeIdle(e));
    },
  },
  {
    name: "memory beside each idle container (PSS)",
    unit: "MB",
    gate: 0.3,
    podman: true,
    measure: async (e) =>
      withIdle(e, async () => {
        const pids = await pidsOf(e.monitorNames);
        const sizes = await Promise.all(pids.map(pssBytes));
        return sizes.reduce((a, b) => a + b, 0) / COUNT / 1e6;
      }),
  },
  {
    name: "daemon after 50 came and went (PSS)",
    unit: "MB",
    gate: 70,
    podman: false,
    measure: async (e) => {
      const readings: number[] = [];
      // A collector at work in the moment of a reading has its code in memory: the median tells.
      for (let round = 0; round < 3; round++) {
        await withIdle(e, async () => {});
        await Bun.sleep(1000);
        readings.push((await Promise.all(e.daemonPids.map(pssBytes))).reduce((a, b) => a + b, 0) / 1e6);
      }
      return median(readings);
    },
  },
  {
    name: "exec true",
    unit: "ms",
    gate: 30,
    podman: true,
    measure: (e, runs) => withOne(e, (name) => repeated(runs, () => go(e, "exec", name, "true"))),
  },
  {
    name: "stop -t0",
    unit: "ms",
    gate: 40,
    podman: true,
    measure: async (e, runs) => {
      const values: number[] = [];
      for (let i = 0; i < runs; i++)
        await withOne(e, async (name) => values.push(await go(e, "stop", "-t", "0", name)));
      return median(values);
    },
  },
  {
    name: "a million log lines: container ends",
    unit: "ms",
    gate: 1000,
    podman: true,
    measure: async (e) => {
      await go(e, "run", "-d", "--name", "bench-log", IMAGE, "seq", "1000000");
      return elapsed(() => go(e, "wait", "bench-log"));
    },
  },
  {
    name: "a million log lines: logs prints them",
    unit: "ms",
    gate: 2000,
    podman: true,
    measure: async (e) => {
      const value = await go(e, "logs", "bench-log");
      await go(e, "rm", "-f", "bench-log");
      return value;
    },
  },
  {
    name: "ps with 50 containers",
    unit: "ms",
    gate: 15,
    podman: true,
    measure: (e, runs) => withIdle(e, () => repeated(runs, () => go(e, "ps"))),
  },
  {
    name: "--version",
    unit: "ms",
    gate: 10,
    podman: true,
    measure: (e, runs) => repeated(runs * 2, () => go(e, "--version")),
  },
];

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}

const runs = Number(option("--runs", "15"));
const only = option("--only", "");
const naru = await startNaru();
const docker = await findDocker();
const podman = await findPodman();
if (!docker)
  console.log("!! docker is ABSENT: no ratio to docker in this run (set BENCH_DOCKER and BENCH_DOCKER_HOST)");
if (!podman) console.log("!! podman is ABSENT: no ratio to podman in this run");
const engines = [naru, docker, podman].filter((engine) => engine !== undefined);
try {
  for (const engine of [...engines]) {
    await importBusybox(engine, IMAGE).catch((error) => {
      if (engine === naru) throw error;
      console.log(`!! ${engine.name} is left out, it cannot import an image: ${error}`);
      engines.splice(engines.indexOf(engine), 1);
    });
  }
  console.log(`${"figure".padEnd(42)}${engines.map((e) => e.name.padStart(10)).join("")}  ratios (peer : naru)   gate`);
  for (const figure of FIGURES.filter((f) => f.name.includes(only))) {
    const values = new Map<string, number>();
    for (const engine of engines) {
      if (engine.name === "podman" && !figure.podman) continue;
      try {
        values.set(engine.name, await figure.measure(engine, runs));
      } catch (error) {
        if (engine === naru) throw error;
        console.log(`!! ${engine.name} FAILED at this: ${error instanceof Error ? error.message : error}`);
      }
    }
    const own = values.get("naru") ?? 0;
    const cell = (engine: Engine) => {
      const value = values.get(engine.name);
      return (value === undefined ? "-" : `${value.toFixed(figure.unit === "MB" ? 2 : 1)} ${figure.unit}`).padStart(10);
    };
    const ratios = engines
      .slice(1)
      .map((e) => (values.has(e.name) ? `${e.name} ${(values.get(e.name)! / own).toFixed(1)}x` : ""));
    const verdict = own <= figure.gate ? "met" : "MISSED";
    console.log(
      `${figure.name.padEnd(42)}${engines.map(cell).join("")}  ${ratios.join("  ").padEnd(22)} <= ${figure.gate} ${figure.unit} ${verdict}`,
    );
  }
} finally {
  for (const engine of engines) await go(engine, "rmi", "-f", IMAGE).catch(() => 0);
  for (const engine of engines) await engine.stop();
}
