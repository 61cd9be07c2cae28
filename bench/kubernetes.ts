/**
 * naru's cluster against its gates: `npm run bench kubernetes [-- --runs N] [-- --only WORD]`. Another cluster to stand beside it is not there, so each
 * row has its gate alone. Times of pods are from the request to what a watch of the pods tells.
 */
import { ask, type Cluster, containersGone, type Json, output, startCluster, watchFrom } from "./cluster.ts";
import { startNaru } from "./engines.ts";
import { importBusybox } from "./import-busybox.ts";
import { inParallel, median, pssBytes } from "./measure.ts";

const IMAGE = "naru-bench-busybox";
const PODS = "/api/v1/namespaces/default/pods";
const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";
const MANY_PODS = 10_000;
const IDLE_MS = 20_000;

const option = (name: string) =>
  process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined;
const runs = Number(option("--runs") ?? 5);
const only = option("--only") ?? "";

/** Watches pods from now on; resolves with the milliseconds from `act` to the moment in which `seen` is content. */
async function timed(
  cluster: Cluster,
  act: () => Promise<unknown>,
  seen: (pods: Map<string, Json>) => boolean,
): Promise<number> {
  const { items, metadata } = await ask(cluster, "GET", PODS);
  const pods = new Map<string, Json>(items.map((pod: Json) => [pod.metadata.uid, pod]));
  const watch = await watchFrom(cluster, PODS, metadata.resourceVersion);
  const startedAt = performance.now();
  const acting = act();
  let took = 0;
  for await (const events of watch) {
    for (const { type, object } of events) {
      if (type === "DELETED") pods.delete(object.metadata.uid);
      else pods.set(object.metadata.uid, object);
    }
    took = performance.now() - startedAt;
    if (seen(pods)) break;
  }
  await acting;
  return took;
}

const isRunning = (pod: Json) => pod.status?.phase === "Running";
const readyCount = (pods: Map<string, Json>) =>
  [...pods.values()].filter((pod) =>
    pod.status?.conditions?.some((one: Json) => one.type === "Ready" && one.status === "True"),
  ).length;
const container = { name: "c", image: IMAGE, imagePullPolicy: "Never", command: ["sleep", "100000"] };
const podSpec = { terminationGracePeriodSeconds: 0, containers: [container] };
const deployment = (name: string, replicas: number) => ({
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: podSpec },
  },
});

async function podToRunning(cluster: Cluster): Promise<number> {
  const values: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const pod = { metadata: { name: `run-${run}` }, spec: podSpec };
    const took = await timed(
      cluster,
      () => ask(cluster, "POST", PODS, pod),
      (pods) => [...pods.values()].some(isRunning),
    );
    await timed(
      cluster,
      () => ask(cluster, "DELETE", `${PODS}/run-${run}`),
      (pods) => pods.size === 0,
    );
    // The first one warms up.
    if (run > 0) values.push(took);
  }
  return median(values);
}

async function hundredReplicas(cluster: Cluster): Promise<number> {
  const make = () => ask(cluster, "POST", DEPLOYMENTS, deployment("hundred", 100));
  const took = await timed(cluster, make, (pods) => readyCount(pods) === 100);
  const remove = () => ask(cluster, "DELETE", `${DEPLOYMENTS}/hundred`, { propagationPolicy: "Background" });
  await timed(cluster, remove, (pods) => pods.size === 0);
  return took;
}

/** From the deletion of a pod to its replacement running. */
async function replacement(cluster: Cluster): Promise<number> {
  const values: number[] = [];
  await timed(
    cluster,
    () => ask(cluster, "POST", DEPLOYMENTS, deployment("healed", 1)),
    (pods) => readyCount(pods) === 1,
  );
  for (let run = 0; run < runs; run++) {
    const { items } = await ask(cluster, "GET", PODS);
    const { name, uid } = items[0].metadata;
    const kill = () => ask(cluster, "DELETE", `${PODS}/${name}`);
    values.push(await timed(cluster, kill, (pods) => !pods.has(uid) && [...pods.values()].some(isRunning)));
  }
  const remove = () => ask(cluster, "DELETE", `${DEPLOYMENTS}/healed`, { propagationPolicy: "Background" });
  await timed(cluster, remove, (pods) => pods.size === 0);
  return median(values);
}

/** From the command line to the first line in the pod's log, as a user waits for it. */
async function runToFirstLine(cluster: Cluster): Promise<number> {
  const values: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const name = `line-${run}`;
    const words = ["--image", IMAGE, "--image-pull-policy", "Never", "--restart", "Never", "--command", "--"];
    const startedAt = performance.now();
    await output(cluster.engine, "kubectl", "run", name, ...words, "sh", "-c", "echo up; exec sleep 100000");
    // 400 until the container has begun.
    const log = () => fetch(`${cluster.server}${PODS}/${name}/log`, { tls: cluster.tls });
    for (let text = ""; !text.startsWith("up"); text = await (await log()).text()) await Bun.sleep(2);
    if (run > 0) values.push(performance.now() - startedAt);
    const remove = () => ask(cluster, "DELETE", `${PODS}/${name}?gracePeriodSeconds=0`);
    await timed(cluster, remove, (pods) => pods.size === 0);
  }
  return median(values);
}

/** From the end of a container, killed behind the cluster's back, to the one in its place; the first restart has no back-off. */
async function healing(cluster: Cluster): Promise<number> {
  const values: number[] = [];
  for (let run = 0; run < runs; run++) {
    const make = () => ask(cluster, "POST", PODS, { metadata: { name: "healed" }, spec: podSpec });
    await timed(cluster, make, (pods) => readyCount(pods) === 1);
    const { metadata } = await ask(cluster, "GET", `${PODS}/healed`);
    const itsUid = `label=io.kubernetes.pod.uid=${metadata.uid}`;
    const id = (await output(cluster.engine, "ps", "-q", "--filter", itsUid)).trim();
    const isBack = ({ status }: Json) =>
      status.containerStatuses?.[0]?.restartCount === 1 && status.containerStatuses[0].state.running !== undefined;
    const kill = () => output(cluster.engine, "kill", id);
    values.push(await timed(cluster, kill, (pods) => [...pods.values()].some(isBack)));
    const remove = () => ask(cluster, "DELETE", `${PODS}/healed`);
    await timed(cluster, remove, (pods) => pods.size === 0);
  }
  return median(values);
}

/** Pods that no scheduler touches, made by eight clients. */
async function creations(cluster: Cluster): Promise<number> {
  const held = { ...podSpec, schedulingGates: [{ name: "bench.example/held" }] };
  const jobs = Array.from(
    { length: MANY_PODS },
    (_, at) => () => ask(cluster, "POST", PODS, { metadata: { name: `many-${at}` }, spec: held }),
  );
  const startedAt = performance.now();
  await inParallel(jobs, 8);
  return (MANY_PODS / (performance.now() - startedAt)) * 1000;
}

const SIMULATED_NODES = 500;
/** Every tenth pod has a spread constraint or an anti-affinity. */
function simulatedPod(at: number): Json {
  const group = { matchLabels: { group: `g${at % 50}` } };
  const spread = { maxSkew: 5, topologyKey: "topology.kubernetes.io/zone", whenUnsatisfiable: "DoNotSchedule" };
  const apart = { weight: 10, podAffinityTerm: { topologyKey: "kubernetes.io/hostname", labelSelector: group } };
  const wish =
    at % 20 === 0
      ? { topologySpreadConstraints: [{ ...spread, labelSelector: group }] }
      : at % 20 === 10
        ? { affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [apart] } } }
        : {};
  return {
    metadata: { name: `simulated-${at}`, labels: group.matchLabels },
    spec: {
      ...wish,
      tolerations: [{ key: "naru.dev/simulated", operator: "Exists" }],
      nodeSelector: { "naru.dev/simulated": "true" },
      containers: [{ ...container, resources: { requests: { cpu: "100m", memory: "128Mi" } } }],
    },
  };
}

/** Pods a second, from the first creation (by eight clients) to the last one bound, and to the last one ready. */
async function simulated(cluster: Cluster): Promise<[bound: number, ready: number]> {
  await output(cluster.engine, "cluster", "simulate", "--nodes", String(SIMULATED_NODES));
  const jobs = Array.from({ length: MANY_PODS }, (_, at) => () => ask(cluster, "POST", PODS, simulatedPod(at)));
  const startedAt = performance.now();
  const all = await countWatched(cluster, () => inParallel(jobs, 8));
  const perSecond = (at: number) => (MANY_PODS / (at - startedAt)) * 1000;
  await output(cluster.engine, "cluster", "simulate", "--nodes", "0");
  return [perSecond(all.bound), perSecond(all.ready)];
}

/** When, on performance.now()'s clock, the last of the pods was seen bound and ready; looks at each event once. */
async function countWatched(cluster: Cluster, act: () => Promise<unknown>): Promise<{ bound: number; ready: number }> {
  const { metadata } = await ask(cluster, "GET", PODS);
  const watch = await watchFrom(cluster, PODS, metadata.resourceVersion);
  const acting = act();
  const [bound, ready] = [new Set<string>(), new Set<string>()];
  const at = { bound: 0, ready: 0 };
  for await (const events of watch) {
    for (const { object } of events) {
      if (object.spec?.nodeName !== undefined) bound.add(object.metadata.uid);
      if (isRunning(object)) ready.add(object.metadata.uid);
    }
    if (bound.size === MANY_PODS) at.bound ||= performance.now();
    if (ready.size === MANY_PODS) break;
  }
  at.ready = performance.now();
  await acting;
  return at;
}

async function longList(cluster: Cluster): Promise<number> {
  const values: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const startedAt = performance.now();
    const answer = await fetch(`${cluster.server}/api/v1/pods`, { tls: cluster.tls });
    await answer.arrayBuffer();
    if (run > 0) values.push(performance.now() - startedAt);
  }
  return median(values);
}

async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await Bun.file(`/proc/${pid}/stat`).text()).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function row(name: string, value: number, unit: string, gate: number, atLeast = false): boolean {
  const kept = atLeast ? value >= gate : value <= gate;
  const sign = atLeast ? ">=" : "<=";
  const shown = `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${unit}`;
  console.log(`${name.padEnd(52)}${shown.padStart(12)}   gate ${sign} ${gate} ${unit}${kept ? "" : "   MISSED"}`);
  return kept;
}

async function idle(pid: number): Promise<[percent: number, megabytes: number]> {
  const before = await cpuSeconds(pid);
  await Bun.sleep(IDLE_MS);
  const percent = (((await cpuSeconds(pid)) - before) / (IDLE_MS / 1000)) * 100;
  return [percent, (await pssBytes(pid)) / 1024 ** 2];
}

const engine = await startNaru();
let kept = true;
try {
  await importBusybox(engine, IMAGE);
  const { cluster, took } = await startCluster(engine);
  const pid = engine.daemonPids[0]!;
  const wants = (name: string) => name.includes(only);
  if (wants("start")) kept = row("cluster start to a ready node", took, "ms", 1500) && kept;
  if (wants("idle")) {
    const [percent, megabytes] = await idle(pid);
    kept = row("idle cluster: share of a core", percent, "%", 1) && kept;
    kept = row("idle cluster: memory of the daemon", megabytes, "MB", 120) && kept;
  }
  if (wants("pod")) kept = row("pod created to Running", await podToRunning(cluster), "ms", 250) && kept;
  if (wants("line"))
    kept = row("naru kubectl run to its first log line", await runToFirstLine(cluster), "ms", 250) && kept;
  if (wants("heal")) kept = row("container killed to the next one running", await healing(cluster), "ms", 300) && kept;
  if (wants("replace"))
    kept = row("pod deleted to its replacement Running", await replacement(cluster), "ms", 300) && kept;
  if (wants("replicas"))
    kept = row("deployment of 100 replicas to all ready", await hundredReplicas(cluster), "ms", 6000) && kept;
  if (wants("simulated")) {
    const before = await cpuSeconds(pid);
    const [bound, ready] = await simulated(cluster);
    const used = (((await cpuSeconds(pid)) - before) / MANY_PODS) * 1000;
    kept = row(`${MANY_PODS} pods on ${SIMULATED_NODES} simulated nodes, scheduled`, bound, "/s", 500, true) && kept;
    console.log(`  until the last was ready: ${ready.toFixed(0)} /s; of the daemon's time ${used.toFixed(2)} ms a pod`);
  }
  if (wants("list")) {
    kept = row(`${MANY_PODS} objects created by 8 clients`, await creations(cluster), "/s", 1000, true) && kept;
    kept = row(`list of ${MANY_PODS} pods`, await longList(cluster), "ms", 300) && kept;
  }
  await containersGone(engine);
} finally {
  await engine.stop();
}
process.exit(kept ? 0 : 1);
