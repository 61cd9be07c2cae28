/**
 * `naru compose` beside docker compose: `npm run bench compose [-- --runs N]`. Each runs on its own engine; where docker's client
 * has the plugin, docker compose on naru's engine stands between them. BENCH_DOCKER and BENCH_DOCKER_HOST name the peer.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Engine, findDocker, startNaru } from "./engines.ts";
import { importBusybox } from "./import-busybox.ts";
import { median, timeCommand } from "./measure.ts";

const IMAGE = "naru-bench-busybox";
const SERVICES = 5;
const MANY = 100;
/** Twice as many services may take this much more than twice the time. Few ones are quicker each: namespaces are kept ready for the first. */
const STRAIGHT = 1.3;

interface Column {
  name: string;
  command: string[];
  env: Record<string, string>;
}

const at = process.argv.indexOf("--runs");
const runs = at < 0 ? 10 : Number(process.argv[at + 1]);
const scratch = await mkdtemp(join(tmpdir(), "naru-bench-compose-"));
const stack = new AsyncDisposableStack();
stack.defer(() => rm(scratch, { recursive: true, force: true }));
try {
  const naru = await startNaru();
  stack.defer(() => naru.stop());
  const docker = await findDocker();
  if (!docker) console.log("!! docker is ABSENT: no ratio to it in this run (set BENCH_DOCKER and BENCH_DOCKER_HOST)");
  const columns = await columnsOf(naru, docker);
  for (const engine of docker ? [naru, docker] : [naru]) {
    await importBusybox(engine, IMAGE);
    stack.defer(
      async () => void (await timeCommand([...engine.client, "rmi", "-f", IMAGE], engine.env).catch(() => {})),
    );
  }
  console.log(`${"figure".padEnd(44)}${columns.map(({ name }) => name.padStart(24)).join("")}  gate`);
  await smallProject(columns);
  await manyServices(columns[0]!);
} finally {
  await stack.disposeAsync();
}

async function columnsOf(naru: Engine, docker: Engine | undefined): Promise<Column[]> {
  const columns = [{ name: "naru compose", command: [...naru.client, "compose"], env: naru.env }];
  if (!docker) return columns;
  const command = [...docker.client, "compose"];
  try {
    await timeCommand([...command, "version"], docker.env);
  } catch {
    console.log("!! docker's compose plugin is ABSENT: no figures of it in this run");
    return columns;
  }
  columns.push({ name: "docker compose on naru", command, env: { ...docker.env, ...naru.env } });
  columns.push({ name: "docker compose", command, env: docker.env });
  return columns;
}

/** Services that end at once on their stop signal; the last three wait for the first. */
async function writeProject(count: number): Promise<string> {
  const services = Array.from({ length: count }, (_, index) => {
    const waits = index > 1 && index < SERVICES ? ", depends_on: [s0]" : "";
    const command = '["sh", "-c", "trap exit TERM; sleep 100000 & wait"]';
    return `  s${index}: { image: ${IMAGE}, command: ${command}${waits} }\n`;
  });
  const folder = join(scratch, `bench${count}`);
  await mkdir(folder, { recursive: true });
  await Bun.write(join(folder, "compose.yaml"), `services:\n${services.join("")}`);
  return folder;
}

async function smallProject(columns: readonly Column[]): Promise<void> {
  const folder = await writeProject(SERVICES);
  const figures = new Map<string, Map<string, number[]>>();
  const note = (figure: string, column: string, value: number) => {
    const values = figures.get(figure) ?? new Map<string, number[]>();
    figures.set(figure, values.set(column, [...(values.get(column) ?? []), value]));
  };
  for (let run = 0; run <= runs; run++) {
    // In turn, so that a busy moment of the machine meets all of them; the first run warms up.
    for (const { name, command, env } of columns) {
      const go = (...words: string[]) => timeCommand([...command, "--project-directory", folder, ...words], env);
      const values = { up: await go("up", "-d"), again: await go("up", "-d"), down: await go("down") };
      if (run === 0) continue;
      for (const [figure, value] of Object.entries(values)) note(figure, name, value);
    }
  }
  const gates = {
    up: [`up -d of ${SERVICES} services`, 250],
    again: ["up -d, nothing to change", 40],
    down: ["down", 250],
  } as const;
  for (const [figure, [title, gate]] of Object.entries(gates)) {
    const cells = columns.map(({ name }) => `${median(figures.get(figure)!.get(name)!).toFixed(0)} ms`.padStart(24));
    const own = median(figures.get(figure)!.get(columns[0]!.name)!);
    console.log(`${title.padEnd(44)}${cells.join("")}  <= ${gate} ms ${own <= gate ? "met" : "MISSED"}`);
  }
}

/** Time that grows in a straight line: twice as many services, about twice the time. */
async function manyServices({ command, env }: Column): Promise<void> {
  const timeOf = async (count: number) => {
    const folder = await writeProject(count);
    const go = (...words: string[]) => timeCommand([...command, "--project-directory", folder, ...words], env);
    const ups: number[] = [];
    for (let run = 0; run < 3; run++) {
      ups.push(await go("up", "-d"));
      await go("down");
    }
    return median(ups);
  };
  const many = await timeOf(MANY);
  const twice = await timeOf(2 * MANY);
  const growth = twice / many / 2;
  const title = `up -d of ${MANY} services (${2 * MANY}: ${twice.toFixed(0)} ms)`;
  const verdict = growth <= STRAIGHT ? "met" : "MISSED";
  const words = `a straight line: ${growth.toFixed(2)} of it, <= ${STRAIGHT} ${verdict}`;
  console.log(`${title.padEnd(44)}${`${many.toFixed(0)} ms`.padStart(24)}  ${words}`);
}
