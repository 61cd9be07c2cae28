/**
 * Pull and push beside docker, podman and skopeo, with Debian's docker-registry on the loopback:
 * `npm run bench images [-- --runs N]`. The image is a Debian one made on this machine. Each figure is a median, taken in turn.
 * Where docker's daemon lives in a network namespace, BENCH_DOCKER_REACH (such as "nsenter -t 123 -n") starts the registry there.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { MEDIA } from "../src/model/media-types.ts";
import { digestOf } from "../test/support/registry-content.ts";
import { imageOf, sendImage } from "../test/support/registry-images.ts";
import { tarOf } from "../test/support/tar-building.ts";
import { type Engine, findDocker, findPodman, startNaru } from "./engines.ts";
import { median, pssBytes, timeCommand } from "./measure.ts";

const PULL_GATE_MS = 1000;
const PUSH_GATE_MS = 400;
const MEMORY_GATE_MB = 150;
const PARALLEL = 8;
const DEBIAN = "debian:bookworm";

interface Registry {
  host: string;
  stop(): Promise<void>;
}

const runs = Number(process.argv[process.argv.indexOf("--runs") + 1]) || 5;
const reach = (process.env.BENCH_DOCKER_REACH ?? "").split(" ").filter(Boolean);
const scratch = await mkdtemp(join(tmpdir(), "naru-bench-images-"));
const stack = new AsyncDisposableStack();
stack.defer(() => rm(scratch, { recursive: true, force: true }));
try {
  const naru = await startNaru();
  stack.defer(() => naru.stop());
  const peers = [await findDocker(), await findPodman()].filter((engine) => engine !== undefined);
  for (const name of ["docker", "podman"]) {
    if (!peers.some((peer) => peer.name === name)) console.log(`!! ${name} is ABSENT: no ratio to it in this run`);
  }
  const full = join(scratch, "registry");
  const sizes = await makeImages(naru, full, Math.max(PARALLEL, runs + 1));
  console.log(`Debian image: ${(sizes.packed / 1e6).toFixed(0)} MB, unpacked ${(sizes.plain / 1e6).toFixed(0)} MB`);
  const head = ["figure".padEnd(40), ...["naru", "docker", "podman", "skopeo"].map((name) => name.padStart(12))];
  console.log(`${head.join("")}  gate`);
  const engines = [naru, ...peers];
  row("pull", await pulls(engines, full), "ms", PULL_GATE_MS);
  row("push", await pushes(engines, full), "ms", PUSH_GATE_MS);
  row(`memory during ${PARALLEL} pulls at once (PSS)`, await memory(full), "MB", MEMORY_GATE_MB);
} finally {
  await stack.disposeAsync();
}

function row(name: string, values: ReadonlyMap<string, number>, unit: string, gate: number): void {
  const own = values.get("naru") ?? Number.NaN;
  const cells = ["naru", "docker", "podman", "skopeo"].map((peer) => {
    const value = values.get(peer);
    return (value === undefined ? "-" : `${value.toFixed(0)} ${unit}`).padStart(12);
  });
  const verdict = own <= gate ? "met" : "MISSED";
  console.log(`${name.padEnd(40)}${cells.join("")}  <= ${gate} ${unit} ${verdict}`);
}

/** Debian's registry over a directory; several may serve the same one. */
async function openRegistry(root: string, port: number, prefix: string[] = []): Promise<Registry> {
  await mkdir(root, { recursive: true });
  const config = join(scratch, `registry-${port}.json`);
  const settings = {
    version: 0.1,
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: root } },
    http: { addr: `127.0.0.1:${port}` },
  };
  await Bun.write(config, JSON.stringify(settings));
  const child = Bun.spawn([...prefix, "docker-registry", "serve", config], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  const answers = ["curl", "-sf", "-o", "/dev/null", `http://127.0.0.1:${port}/v2/`];
  while ((await Bun.spawn([...prefix, ...answers]).exited) !== 0 || child.exitCode !== null) {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}`);
    await Bun.sleep(20);
  }
  const stop = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  // Also when a figure fails.
  stack.defer(stop);
  return { host: `127.0.0.1:${port}`, stop };
}

/** The images are the same but for one small file, so that each is pulled whole. */
function imageAt(host: string, index: number): string {
  return `${host}/debian/${index}:1`;
}

/** Makes the images and puts them into a registry's directory. @returns bytes of a layer */
async function makeImages(naru: Engine, root: string, count: number): Promise<{ packed: number; plain: number }> {
  await go(naru, "image", "bootstrap", DEBIAN);
  const registry = await openRegistry(root, 21_511);
  try {
    await go(naru, "tag", DEBIAN, `${registry.host}/base:1`);
    await go(naru, "push", "-q", `${registry.host}/base:1`);
    await go(naru, "rmi", DEBIAN, `${registry.host}/base:1`);
    const accept = { headers: { Accept: "application/vnd.oci.image.manifest.v1+json" } };
    const url = `http://${registry.host}/v2/base`;
    const manifest = (await (await fetch(`${url}/manifests/1`, accept)).json()) as { layers: { digest: string }[] };
    const tar = gunzipSync(await (await fetch(`${url}/blobs/${manifest.layers[0]!.digest}`)).bytes());
    let packed = 0;
    for (let index = 0; index < count; index++) {
      const own = tarOf([{ path: `own-${index}`, content: String(index) }]);
      // Without the end mark of the first archive.
      const whole = Buffer.concat([own.subarray(0, own.length - 1024), tar]);
      const bytes = Bun.gzipSync(whole as Uint8Array<ArrayBuffer>, { level: 6 });
      packed = bytes.length;
      const descriptor = { mediaType: MEDIA.layerGzip, digest: digestOf(bytes), size: bytes.length };
      await sendImage(registry.host, `debian/${index}`, imageOf([{ descriptor, bytes, diffId: digestOf(whole) }]), "1");
    }
    return { packed, plain: tar.length };
  } finally {
    await registry.stop();
  }
}

function go(engine: Engine, ...words: string[]): Promise<number> {
  return timeCommand([...engine.client, ...words], engine.env);
}

/** A figure per engine, taken in turn so that all meet the same machine; the first round does not count. */
async function inTurn(work: Map<string, (round: number) => Promise<number>>): Promise<Map<string, number>> {
  const values = new Map([...work.keys()].map((name) => [name, [] as number[]]));
  for (let round = 0; round <= runs; round++) {
    for (const [name, once] of work) {
      const value = await once(round);
      if (round > 0) values.get(name)!.push(value);
    }
  }
  return new Map([...values].map(([name, all]) => [name, median(all)]));
}

/**
 * Each round pulls another image and nothing is removed meanwhile: on ext4 without a journal the kernel looks for every new
 * file through all that were deleted in the last minutes, and that is what would be measured.
 */
async function pulls(engines: Engine[], root: string): Promise<Map<string, number>> {
  const work = new Map<string, (round: number) => Promise<number>>();
  const registry = await openRegistry(root, 21_512);
  const docker = reach.length > 0 ? await openRegistry(root, 21_513, reach) : registry;
  for (const engine of engines) {
    const { host } = engine.name === "docker" ? docker : registry;
    work.set(engine.name, (round) => go(engine, "pull", "-q", ...insecure(engine), imageAt(host, round)));
    const names = Array.from({ length: runs + 1 }, (_, round) => imageAt(host, round));
    stack.defer(async () => void (await go(engine, "rmi", "-f", ...names).catch(() => 0)));
  }
  work.set("skopeo", (round) => {
    const from = `docker://${imageAt(registry.host, round)}`;
    const target = `dir:${join(scratch, `skopeo-${round}`)}`;
    return timeCommand(["skopeo", "copy", "-q", "--src-tls-verify=false", from, target], {});
  });
  try {
    return await inTurn(work);
  } finally {
    await registry.stop();
    if (docker !== registry) await docker.stop();
  }
}

async function pushes(engines: Engine[], root: string): Promise<Map<string, number>> {
  const work = new Map<string, () => Promise<number>>();
  const source = await openRegistry(root, 21_514);
  const dockerSource = reach.length > 0 ? await openRegistry(root, 21_515, reach) : source;
  /** An empty registry, so that everything has to travel. */
  const intoEmpty = async (prefix: string[], push: (host: string) => Promise<number>) => {
    const empty = await openRegistry(join(scratch, "empty"), 21_516, prefix);
    try {
      return await push(empty.host);
    } finally {
      await empty.stop();
      await rm(join(scratch, "empty"), { recursive: true });
    }
  };
  for (const engine of engines) {
    const isDocker = engine.name === "docker";
    const image = imageAt((isDocker ? dockerSource : source).host, 0);
    await go(engine, "pull", "-q", ...insecure(engine), image);
    stack.defer(async () => void (await go(engine, "rmi", "-f", image).catch(() => 0)));
    work.set(engine.name, () =>
      intoEmpty(isDocker ? reach : [], async (host) => {
        const target = `${host}/${DEBIAN}`;
        await go(engine, "tag", image, target);
        const elapsed = await go(engine, "push", "-q", ...insecure(engine), target);
        await go(engine, "rmi", target);
        return elapsed;
      }),
    );
  }
  const local = join(scratch, "skopeo-source");
  const copy = (...words: string[]) => timeCommand(["skopeo", "copy", "-q", ...words], {});
  await copy("--src-tls-verify=false", `docker://${imageAt(source.host, 0)}`, `dir:${local}`);
  work.set("skopeo", () =>
    intoEmpty([], (host) => copy("--dest-tls-verify=false", `dir:${local}`, `docker://${host}/${DEBIAN}`)),
  );
  try {
    return await inTurn(work);
  } finally {
    await source.stop();
    if (dockerSource !== source) await dockerSource.stop();
  }
}

function insecure({ name }: Engine): string[] {
  return name === "podman" ? ["--tls-verify=false"] : [];
}

/** The largest that a daemon gets while it pulls different images at once. */
async function memory(root: string): Promise<Map<string, number>> {
  const registry = await openRegistry(root, 21_517);
  const naru = await startNaru();
  let peak = 0;
  const watch = setInterval(async () => {
    for (const pid of naru.daemonPids) peak = Math.max(peak, await pssBytes(pid));
  }, 50);
  try {
    const names = Array.from({ length: PARALLEL }, (_, index) => imageAt(registry.host, index));
    await Promise.all(names.map((name) => go(naru, "pull", "-q", name)));
    return new Map([["naru", peak / 1e6]]);
  } finally {
    clearInterval(watch);
    await naru.stop();
    await registry.stop();
  }
}
