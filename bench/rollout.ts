/**
 * A rolling update of the Java application under constant load: `npm run bench rollout [-- --connections N]`. Builds two versions of
 * examples/java-web, runs four replicas behind a Service's node port, and lets wrk ask over lasting connections while the deployment goes
 * from the first version to the second and back. Each request must be answered, and well.
 */
import { resolve } from "node:path";
import { YAML } from "bun";
import { ask, type Cluster, containersGone, type Json, output, startCluster } from "./cluster.ts";
import { type Engine, startNaru } from "./engines.ts";

const SOURCE = resolve(import.meta.dir, "../examples/java-web");
const BASE = "debian:bookworm";
const IMAGE = "naru/notes";
const REPLICAS = 4;
const DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/notes";
const SERVICES = "/api/v1/namespaces/default/services";

const given = process.argv.indexOf("--connections");
const connections = given < 0 ? 16 : Number(process.argv[given + 1]);

async function buildBoth(engine: Engine): Promise<void> {
  await output(engine, "image", "bootstrap", BASE);
  for (const version of ["1.0.0", "2.0.0"]) {
    const values = ["--build-arg", `BASE=${BASE}`, "--build-arg", `VERSION=${version}`];
    await output(engine, "build", "--progress", "quiet", ...values, "--tag", `${IMAGE}:${version}`, SOURCE);
  }
}

/** Applies the example's own manifest with four replicas, and answers the service's port on this machine. */
async function deploy(cluster: Cluster): Promise<number> {
  const manifest = await Bun.file(`${SOURCE}/kubernetes.yaml`).text();
  const deployment = YAML.parse(manifest) as Json;
  deployment.spec.replicas = REPLICAS;
  deployment.spec.template.spec.containers[0].image = `${IMAGE}:1.0.0`;
  await ask(cluster, "POST", DEPLOYMENT.slice(0, DEPLOYMENT.lastIndexOf("/")), deployment);
  const ports = [{ port: 80, targetPort: 8080 }];
  const service = { metadata: { name: "notes" }, spec: { type: "NodePort", selector: { app: "notes" }, ports } };
  const made = await ask(cluster, "POST", SERVICES, service);
  await rolledOut(cluster);
  return made.spec.ports[0].nodePort;
}

/** Waits until only pods of the newest template are there, and all of them serve. */
async function rolledOut(cluster: Cluster): Promise<void> {
  for (;;) {
    const { metadata, status } = await ask(cluster, "GET", DEPLOYMENT);
    const counts = [status?.replicas, status?.updatedReplicas, status?.availableReplicas];
    if (status?.observedGeneration === metadata.generation && counts.every((one) => one === REPLICAS)) return;
    await Bun.sleep(50);
  }
}

async function update(cluster: Cluster, version: string): Promise<number> {
  const startedAt = performance.now();
  const { spec } = await ask(cluster, "GET", DEPLOYMENT);
  spec.template.spec.containers[0].image = `${IMAGE}:${version}`;
  await ask(cluster, "PATCH", DEPLOYMENT, { spec: { template: spec.template } });
  await rolledOut(cluster);
  return performance.now() - startedAt;
}

/** Ends the pods: a daemon leaves its containers running when it stops. */
async function takeDown(cluster: Cluster): Promise<void> {
  await ask(cluster, "DELETE", DEPLOYMENT, { propagationPolicy: "Foreground" });
  await containersGone(cluster.engine);
}

/** wrk's own count: of requests, of those that ended without an answer, and of answers that were no success. */
interface Load {
  requests: number;
  perSecond: number;
  lost: number;
  refused: number;
}

function readLoad(text: string): Load {
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  const lost = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [];
  const requests = number(/(\d+) requests in/);
  if (requests === 0) throw new Error(`wrk asked nothing:\n${text}`);
  return {
    requests,
    perSecond: number(/Requests\/sec:\s+([\d.]+)/),
    lost: lost.reduce((sum, one) => sum + Number(one), 0),
    refused: number(/Non-2xx or 3xx responses: (\d+)/),
  };
}

/** Asks as fast as answers come, over lasting connections, for as long as `work` takes and a second before and after. */
async function underLoad(port: number, work: () => Promise<void>): Promise<Load> {
  const words = ["wrk", "-t", "2", "-c", String(connections), "-d", "600", "--timeout", "10"];
  const child = Bun.spawn([...words, `http://127.0.0.1:${port}/version`], { stdout: "pipe", stderr: "inherit" });
  try {
    await Bun.sleep(1000);
    await work();
    await Bun.sleep(1000);
  } finally {
    // It prints its count when it is interrupted.
    child.kill("SIGINT");
  }
  const text = await new Response(child.stdout).text();
  await child.exited;
  return readLoad(text);
}

const engine = await startNaru();
let kept = false;
try {
  await buildBoth(engine);
  const { cluster } = await startCluster(engine);
  const took: number[] = [];
  const updates = async () => {
    for (const version of ["2.0.0", "1.0.0"]) took.push(await update(cluster, version));
  };
  const load = await deploy(cluster)
    .then((port) => underLoad(port, updates))
    .finally(() => takeDown(cluster));
  kept = load.lost === 0 && load.refused === 0;
  const times = took.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(" and ");
  console.log(`${REPLICAS} replicas updated and taken back in ${times} under ${connections} lasting connections`);
  console.log(
    `${load.requests} requests (${load.perSecond.toFixed(0)} /s): ${load.lost} lost, ${load.refused} refused   gate 0 and 0${kept ? "" : "   MISSED"}`,
  );
} finally {
  await engine.stop();
}
process.exit(kept ? 0 : 1);
