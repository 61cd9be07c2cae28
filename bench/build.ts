/**
 * Builds beside docker's classic builder: `npm run bench build [-- --runs N]`. Both are asked over their sockets by the same
 * requests, on a Debian image made on this machine; then the commands as they are typed, docker's with its builder plugin
 * where that is installed. Also: how long a context of 100,000 files is looked at.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WorkerPool } from "../src/lib/worker-pool.ts";
import { tarOf } from "../test/support/tar-building.ts";
import { type Engine, findDocker, startNaru } from "./engines.ts";
import { median, timeCommand } from "./measure.ts";

const BUILT = "naru-bench-build";
const DEBIAN = "debian:trixie";
const FILES = 100_000;
const FILES_A_DIRECTORY = 200;
const SLEEP_SECONDS = 5;

// Beside each other, on a machine with two processors or more.
const STAGES = `FROM ${DEBIAN} AS a\nRUN sleep ${SLEEP_SECONDS}; echo a >/a\nFROM ${DEBIAN} AS b\nRUN sleep ${SLEEP_SECONDS}; echo b >/b\nFROM ${DEBIAN}\nCOPY --from=a /a /\nCOPY --from=b /b /\n`;

const at = process.argv.indexOf("--runs");
const runs = at < 0 ? 5 : Number(process.argv[at + 1]);
const scratch = await mkdtemp(join(tmpdir(), "naru-bench-build-"));
const stack = new AsyncDisposableStack();
stack.defer(() => rm(scratch, { recursive: true, force: true }));
try {
  const naru = await startNaru();
  stack.defer(() => naru.stop());
  const docker = await findDocker();
  if (!docker) console.log("!! docker is ABSENT: no ratio to it in this run (set BENCH_DOCKER and BENCH_DOCKER_HOST)");
  const engines = docker ? [naru, docker] : [naru];
  await timeCommand([...naru.client, "image", "bootstrap", DEBIAN], naru.env);
  if (docker) await handOver(naru, docker);
  console.log(`${"figure".padEnd(44)}${engines.map(({ name }) => name.padStart(12)).join("")}  gate`);
  await compare(engines, "5 RUN steps on Debian, no cache", 500, (engine) =>
    repeated(() => build(engine, steps(5), "nocache=1")),
  );
  await compare(engines, "5 RUN steps, all cached", 25, (engine) => repeated(() => build(engine, steps(5))));
  await compare(engines, "each further cached step", 1, async (engine) => {
    await build(engine, steps(50));
    const [few, many] = [await repeated(() => build(engine, steps(5))), await repeated(() => build(engine, steps(50)))];
    return Math.max(0, many - few) / 45;
  });
  await compare(engines, `two stages of ${SLEEP_SECONDS} s`, SLEEP_SECONDS * 1000 + 500, (engine) =>
    build(engine, STAGES, "nocache=1"),
  );
  await commands(engines);
  await scans();
} finally {
  await stack.disposeAsync();
}

function steps(count: number): string {
  const lines = Array.from({ length: count }, (_, index) => `RUN echo ${index} >/file-${index}`);
  return `FROM ${DEBIAN}\n${lines.join("\n")}\n`;
}

async function handOver(from: Engine, to: Engine): Promise<void> {
  const archive = join(scratch, "debian.tar");
  await timeCommand([...from.client, "save", "-o", archive, DEBIAN], from.env);
  await timeCommand([...to.client, "load", "-i", archive], to.env);
  stack.defer(async () => {
    await timeCommand([...to.client, "rmi", "-f", DEBIAN, BUILT], to.env);
  });
}

/** Milliseconds of one build. @throws what the builder says */
async function build({ env }: Engine, dockerfile: string, query = ""): Promise<number> {
  const startedMs = performance.now();
  const response = await fetch(`http://engine/v1.51/build?t=${BUILT}&${query}`, {
    unix: (env.DOCKER_HOST ?? "").replace("unix://", ""),
    method: "POST",
    headers: { "Content-Type": "application/x-tar" },
    body: tarOf([{ path: "Dockerfile", content: dockerfile }]),
  });
  const text = await response.text();
  const elapsedMs = performance.now() - startedMs;
  if (!text.includes("Successfully built")) throw new Error(text.slice(-400));
  return elapsedMs;
}

async function repeated(once: () => Promise<number>): Promise<number> {
  await once();
  const values: number[] = [];
  for (let run = 0; run < runs; run += 1) values.push(await once());
  return median(values);
}

async function compare(
  engines: Engine[],
  name: string,
  gateMs: number,
  measure: (engine: Engine) => Promise<number>,
): Promise<void> {
  const values: number[] = [];
  for (const engine of engines) values.push(await measure(engine));
  row(name, values, gateMs);
}

function row(name: string, values: readonly number[], gateMs: number): void {
  const cells = values.map((value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`.padStart(12)).join("");
  console.log(`${name.padEnd(44)}${cells}  <= ${gateMs} ms ${values[0]! <= gateMs ? "met" : "MISSED"}`);
}

/** `build` as it is typed: the client's start, the context's walk, the daemon's part, the end of the client. */
async function commands(engines: Engine[]): Promise<void> {
  const directory = join(scratch, "typed");
  await mkdir(directory);
  await Bun.write(join(directory, "file"), "a file\n");
  await Bun.write(join(directory, "Dockerfile"), `${steps(4)}COPY file /\n`);
  const typed = ({ client, env }: Engine, words: string[]) =>
    timeCommand([...client, "build", "-q", "-t", BUILT, ...words, directory], env);
  await compare(engines, "`build` of 5 steps, no cache, as typed", 600, (engine) =>
    repeated(() => typed(engine, ["--no-cache"])),
  );
  await compare(engines, "`build` of 5 steps, all cached, as typed", 25, (engine) => repeated(() => typed(engine, [])));
}

/** As the builder looks at a context that came before: in a thread, with the digests of files that did not change. */
async function scans(): Promise<void> {
  const root = join(scratch, "context");
  for (let index = 0; index < FILES; index += 1) {
    const directory = join(root, String(Math.floor(index / FILES_A_DIRECTORY)));
    if (index % FILES_A_DIRECTORY === 0) await mkdir(directory, { recursive: true });
    await Bun.write(join(directory, `file-${index}`), `content of file ${index}\n`);
  }
  const entry = new URL("../src/build/solver/build-worker.ts", import.meta.url);
  const pool = new WorkerPool(() => new Worker(entry), { maxWorkers: 1, idleMs: 1000 });
  const selection = { root, sources: ["/"], exclude: [], rootExclude: [], keepsParents: false, allowsNoMatch: false };
  const params = {
    selections: [{ selection, options: { ignoresOwner: true, ignoresMode: false } }],
    statCachePath: join(scratch, "stat-cache"),
  };
  await walks(root);
  const scan = async () => {
    const startedMs = performance.now();
    await pool.run("digest", params);
    return performance.now() - startedMs;
  };
  row(`${FILES} files scanned, first time`, [await scan()], 2000);
  row(`${FILES} files scanned, second time`, [await repeated(scan)], 300);
}

/** The client's half: what `naru build` does before it can say that nothing has changed. */
async function walks(root: string): Promise<void> {
  const { ContextWalk } = await import("../src/cli/build/context-walk.ts");
  const timed = async (look: (walk: InstanceType<typeof ContextWalk>) => unknown) => {
    const startedMs = performance.now();
    look(new ContextWalk(root, {}));
    return performance.now() - startedMs;
  };
  row(`${FILES} files walked and listed`, [await timed((walk) => walk.list())], 2000);
  row(`${FILES} files walked, nothing changed`, [await repeated(() => timed((walk) => walk.mark()))], 300);
}
