/** The cluster that benches drive: started within a daemon of their own, and asked over its API. */
import { YAML } from "bun";
import type { Engine } from "./engines.ts";

/** The cluster of a daemon, and how its administrator reaches it. */
export interface Cluster {
  engine: Engine;
  server: string;
  tls: { ca: string; cert: string; key: string };
}
// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the API answers
export type Json = any;

/** What a command of the engine's client prints; throws with its stderr when it fails. */
export async function output(engine: Engine, ...words: string[]): Promise<string> {
  const child = Bun.spawn([...engine.client, ...words], { env: { ...process.env, ...engine.env }, stderr: "pipe" });
  const [text, fault, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${words.join(" ")}: ${fault}`);
  return text;
}

/** Starts the cluster and answers how long that took until its node was ready, in milliseconds. */
export async function startCluster(engine: Engine): Promise<{ cluster: Cluster; took: number }> {
  const startedAt = performance.now();
  await output(engine, "cluster", "start", "--listen", "127.0.0.1:0");
  const took = performance.now() - startedAt;
  const config = YAML.parse(await output(engine, "kubeconfig")) as Json;
  const decoded = (text: string) => Buffer.from(text, "base64").toString();
  const { server, "certificate-authority-data": ca } = config.clusters[0].cluster;
  const { "client-certificate-data": cert, "client-key-data": key } = config.users[0].user;
  return { cluster: { engine, server, tls: { ca: decoded(ca), cert: decoded(cert), key: decoded(key) } }, took };
}

/** One request to the API server; throws with the answer when it is no success. */
export async function ask({ server, tls }: Cluster, method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await fetch(server + path, {
    method,
    tls,
    headers: { "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

/** Waits until no container of a pod is left: pods that were deleted without grace end a little after the API has forgotten them. */
export async function containersGone(engine: Engine): Promise<void> {
  while ((await output(engine, "ps", "-aq")).trim() !== "") await Bun.sleep(20);
}

/** What happens to objects from `resourceVersion` on: the events of each piece that comes, as long as somebody reads them. */
export async function watchFrom(
  cluster: Cluster,
  path: string,
  resourceVersion: string,
): Promise<AsyncGenerator<Json[]>> {
  const stop = new AbortController();
  const address = `${cluster.server}${path}?watch=1&resourceVersion=${resourceVersion}`;
  const answer = await fetch(address, { tls: cluster.tls, signal: stop.signal });
  return events(answer.body!, stop);
}

async function* events(body: ReadableStream<Uint8Array>, stop: AbortController): AsyncGenerator<Json[]> {
  let rest = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      yield lines.map((line) => JSON.parse(line));
    }
  } finally {
    stop.abort();
  }
}
