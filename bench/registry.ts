/**
 * naru's registry beside nginx (the same file, served by the kernel) and Debian's docker-registry:
 * `npm run bench registry [-- --runs N]`. All on this machine, over its loopback; each figure is a median, taken in turn.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DistributionClient } from "../test/support/distribution-client.ts";
import { inParallel, median, pssBytes } from "./measure.ts";

const BLOB_BYTES = 200_000_000;
const CLIENTS = 8;
const REQUESTS = 4000;
const LEAST_SHARE_OF_NGINX = 0.8;
const MOST_MEMORY_MB = 150;
const NARU = join(import.meta.dir, "../dist/naru");

interface Peer {
  name: string;
  url: string;
  pid: number;
  stop(): Promise<void>;
}

const runs = Number(process.argv[process.argv.indexOf("--runs") + 1]) || 5;
const scratch = await mkdtemp(join(tmpdir(), "naru-bench-registry-"));
const peers: Peer[] = [];
try {
  const file = join(scratch, "www/blob");
  const digest = await writeNoise(file);
  const naru = await start("naru", 21_501, (port) => [
    [NARU, "registry", "serve", "--addr", `127.0.0.1:${port}`, "--root", join(scratch, "naru")],
  ]);
  const nginx = await start("nginx", 21_502, nginxCommand);
  const debian = await start("docker-registry", 21_503, debianCommand);
  const registries = [naru, debian].filter((peer) => peer !== undefined);
  for (const { url } of registries) await uploadFile(url, file, digest);

  console.log(
    `${"figure".padEnd(44)}${"naru".padStart(14)}${"nginx".padStart(14)}${"docker-registry".padStart(18)}  gate`,
  );
  const blobPath = `/v2/bench/blobs/${digest}`;
  const serving = await inTurn([
    ["naru", () => megabytesPerSecond(CLIENTS, naru!.url + blobPath)],
    ["nginx", nginx && (() => megabytesPerSecond(CLIENTS, `${nginx.url}/blob`))],
    ["docker-registry", debian && (() => megabytesPerSecond(CLIENTS, debian.url + blobPath))],
  ]);
  const share = (serving.get("naru") ?? 0) / (serving.get("nginx") ?? Number.NaN);
  const verdict = share >= LEAST_SHARE_OF_NGINX ? "met" : "MISSED";
  row(
    `${BLOB_BYTES / 1e6} MB blob to ${CLIENTS} clients`,
    serving,
    "MB/s",
    `>= 80 % of nginx: ${Math.round(share * 100)} % ${verdict}`,
  );
  const memory = await pssBytes(naru!.pid);
  const memoryVerdict = memory / 1e6 <= MOST_MEMORY_MB ? "met" : "MISSED";
  row("memory after that (PSS)", new Map([["naru", memory / 1e6]]), "MB", `<= ${MOST_MEMORY_MB} MB ${memoryVerdict}`);

  const pushing = await inTurn([
    ["naru", () => push(naru!.url, file, digest)],
    ["docker-registry", debian && (() => push(debian.url, file, digest))],
  ]);
  row(`push of a ${BLOB_BYTES / 1e6} MB blob`, pushing, "MB/s", "");

  const answering = new Map<string, number>();
  for (const { name, url } of registries) {
    const { image } = await new DistributionClient(url).pushImage("bench", "latest");
    const job = async () =>
      (await fetch(`${url}/v2/bench/manifests/latest`, { headers: { Accept: image.mediaType } })).bytes();
    const startedAt = performance.now();
    await inParallel(
      Array.from({ length: REQUESTS }, () => job),
      CLIENTS,
    );
    answering.set(name, REQUESTS / ((performance.now() - startedAt) / 1000));
  }
  row(`manifests by tag, ${CLIENTS} clients`, answering, "/s", "");
} finally {
  for (const peer of peers) await peer.stop();
  await rm(scratch, { recursive: true, force: true });
}

function row(name: string, values: ReadonlyMap<string, number>, unit: string, gate: string): void {
  const cell = (peer: string, width: number) => {
    const value = values.get(peer);
    return (value === undefined ? "-" : `${value.toFixed(0)} ${unit}`).padStart(width);
  };
  console.log(`${name.padEnd(44)}${cell("naru", 14)}${cell("nginx", 14)}${cell("docker-registry", 18)}  ${gate}`);
}

/** Each in its turn, so that a busy moment of the machine meets all of them. */
async function inTurn(jobs: [string, (() => Promise<number>) | undefined][]): Promise<Map<string, number>> {
  const values = new Map<string, number[]>();
  for (let run = 0; run <= runs; run++) {
    for (const [name, job] of jobs) {
      if (job === undefined) continue;
      const value = await job();
      // The first one warms up.
      if (run > 0) values.set(name, [...(values.get(name) ?? []), value]);
    }
  }
  return new Map([...values].map(([name, list]) => [name, median(list)]));
}

async function megabytesPerSecond(clients: number, url: string): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: clients }, () => curl("-o", "/dev/null", url)));
  return (clients * BLOB_BYTES) / 1e6 / ((performance.now() - startedAt) / 1000);
}

async function push(url: string, file: string, digest: string): Promise<number> {
  await fetch(`${url}/v2/bench/blobs/${digest}`, { method: "DELETE" });
  const startedAt = performance.now();
  await uploadFile(url, file, digest);
  return BLOB_BYTES / 1e6 / ((performance.now() - startedAt) / 1000);
}

async function uploadFile(url: string, file: string, digest: string): Promise<void> {
  const begun = await fetch(`${url}/v2/bench/blobs/uploads/`, { method: "POST" });
  const address = new URL(begun.headers.get("location")!, url);
  address.searchParams.set("digest", digest);
  await curl("-f", "-T", file, "-X", "PUT", "-o", "/dev/null", address.href);
}

async function curl(...words: string[]): Promise<void> {
  const child = Bun.spawn(["curl", "-sS", ...words], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  if ((await child.exited) !== 0) throw new Error(`curl: ${await new Response(child.stderr).text()}`);
}

async function writeNoise(path: string): Promise<string> {
  await mkdir(join(path, ".."), { recursive: true });
  const hash = createHash("sha256");
  const writer = Bun.file(path).writer();
  const piece = new Uint8Array(1_000_000);
  for (let at = 0; at < BLOB_BYTES; at += piece.length) {
    for (let i = 0; i < piece.length; i += 50_000) crypto.getRandomValues(piece.subarray(i, i + 50_000));
    hash.update(piece);
    writer.write(piece);
    await writer.flush();
  }
  await writer.end();
  return `sha256:${hash.digest("hex")}`;
}

/** An absent program is said loudly and left out; naru must be there. */
async function start(
  name: string,
  port: number,
  prepare: (port: number) => [string[]] | Promise<[string[]]>,
): Promise<Peer | undefined> {
  const [command] = await prepare(port);
  if (name !== "naru" && Bun.which(command[0]!) === null) {
    console.log(`!! ${name} is ABSENT: no figures of it in this run`);
    return undefined;
  }
  const child = Bun.spawn(command, {
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(join(scratch, `${name}.log`)),
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await child.exited;
  };
  const peer = { name, url: `http://127.0.0.1:${port}`, pid: child.pid, stop };
  peers.push(peer);
  for (let tries = 0; tries < 500; tries++) {
    if (await fetch(peer.url).catch(() => undefined)) return peer;
    if (child.exitCode !== null) break;
    await Bun.sleep(20);
  }
  throw new Error(`${name} does not listen: ${await Bun.file(join(scratch, `${name}.log`)).text()}`);
}

async function nginxCommand(port: number): Promise<[string[]]> {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${scratch}/${kind};`,
  );
  const config = join(scratch, "nginx.conf");
  await writeFile(
    config,
    `user root; daemon off; worker_processes auto; pid ${scratch}/nginx.pid; error_log stderr;
    events { worker_connections 256; }
    http { sendfile on; tcp_nopush on; access_log off; ${temporary.join(" ")}
      server { listen 127.0.0.1:${port}; root ${scratch}/www; } }`,
  );
  return [["nginx", "-e", "stderr", "-c", config]];
}

async function debianCommand(port: number): Promise<[string[]]> {
  const config = join(scratch, "debian.json");
  const storage = { filesystem: { rootdirectory: join(scratch, "debian") }, delete: { enabled: true } };
  const log = { level: "error", accesslog: { disabled: true } };
  await writeFile(config, JSON.stringify({ version: 0.1, log, storage, http: { addr: `127.0.0.1:${port}` } }));
  return [["docker-registry", "serve", config]];
}
