/** A Compose project as Kubernetes objects, applied by the real kubectl to naru's cluster: it serves there too. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { eventually, importBusybox } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";

const PATIENCE_MS = 60_000;

let cluster: TestClusterDaemon;
beforeAll(async () => {
  cluster = await startCluster();
  await importBusybox(cluster.daemon);
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

const kubectl: TestClusterDaemon["kubectlSays"] = (...asked) => cluster.kubectlSays(...asked);

test("a web server with a config, a secret, a volume, a job before it, a schedule and a scaling", async () => {
  const port = await freePort();
  const folder = join(cluster.daemon.root, "shop");
  await mkdir(folder);
  const serve = "cat /config /run/secrets/key > /www/index.html; touch /data/mark; exec httpd -f -h /www";
  await Bun.write(
    join(folder, "compose.yaml"),
    `services:
  web:
    image: busybox
    command: ["sh", "-c", "${serve}"]
    stop_grace_period: 1s
    tmpfs: /www
    ports: ["${port}:80"]
    configs: [{ source: words, target: /config }]
    secrets: [key]
    volumes: ["data:/data"]
    networks: [front]
    healthcheck: { test: wget -q -O /dev/null localhost, interval: 1s }
    depends_on: { migrate: { condition: service_completed_successfully } }
  migrate: { image: busybox, command: echo done, networks: [front] }
  nightly: { image: busybox, command: echo x, networks: [back], x-naru-schedule: { cron: "0 3 * * *", timezone: Asia/Seoul } }
  elastic:
    image: busybox
    command: sleep 1000
    stop_grace_period: 1s
    networks: [back]
    deploy: { resources: { reservations: { cpus: "0.1" } } }
    x-naru-autoscale: { max: 3, target: { cpu: 50% } }
networks: { front: {}, back: {} }
volumes: { data: {} }
configs: { words: { content: "hello " } }
secrets: { key: { environment: KEY } }
`,
  );
  const made = await cluster.daemon.naru(["compose", "kube"], { cwd: folder, env: { KEY: "from the cluster" } });
  expect(made.stderr).toBe("");
  const applied = await kubectl(["apply", "-f", "-"], made.stdout);
  for (const object of ["deployment.apps/web", "job.batch/migrate", "cronjob.batch/nightly", "service/web-published"]) {
    expect(applied).toContain(`${object} created`);
  }
  expect(applied).toContain("horizontalpodautoscaler.autoscaling/elastic created");
  // The same file again changes nothing.
  const again = await kubectl(["apply", "-f", "-"], made.stdout);
  expect(again.split("\n").filter((line) => line !== "" && !line.endsWith(" unchanged"))).toEqual([]);
  const says = async () => {
    const reply = await fetch(`http://127.0.0.1:${port}/`, { keepalive: false, signal: AbortSignal.timeout(5000) });
    return await reply.text();
  };
  await eventually(async () => (await says().catch(() => "")) === "hello from the cluster", PATIENCE_MS);
  await kubectl(["wait", "--for=condition=complete", "job/migrate", "--timeout=60s"]);
  await kubectl(["wait", "--for=condition=available", "deployment/web", "deployment/elastic", "--timeout=60s"]);
  await kubectl(["delete", "-f", "-", "--wait=false"], made.stdout);
}, 180_000);
