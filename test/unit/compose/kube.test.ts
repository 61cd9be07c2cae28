import { describe, expect, test } from "bun:test";
import { parseAllDocuments } from "yaml";
import { inNamespace, kubeObjects, kubeYaml } from "../../../src/compose/kube/kube-objects.ts";
import { findKind } from "../../../src/kube/schema/builtin-types.ts";
import { decodeObject } from "../../../src/kube/schema/decode-object.ts";
import { projectOf } from "./project-of.ts";

const FILES = { read: async (path: string) => (path.endsWith("/bin") ? Uint8Array.of(0xff, 0xfe) : undefined) };

/** The objects by kind and name, each read back from the YAML and checked against the schema of its kind. */
async function convert(text: string, environment?: Record<string, string>) {
  const made = await kubeObjects(await projectOf(text, environment), FILES);
  // biome-ignore lint/suspicious/noExplicitAny: tests look deep into objects of every kind
  const objects: Record<string, any> = {};
  for (const document of parseAllDocuments(kubeYaml(made))) {
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const object = document.toJS() as any;
    if (object === null) continue;
    const [group, version] = object.apiVersion.includes("/") ? object.apiVersion.split("/") : ["", object.apiVersion];
    const schema = findKind(group, version, object.kind);
    expect(schema).toBeDefined();
    expect(decodeObject(schema!, object).unknown).toEqual([]);
    objects[`${object.kind} ${object.metadata.name}`] = object;
  }
  return { objects, remarks: made.remarks };
}

const SHOP = `
name: shop
services:
  web:
    image: nginx
    ports: ["8080:80", "127.0.0.1:9000:9000"]
    networks: [front]
    deploy:
      resources: { limits: { cpus: "0.5", memory: 64M }, reservations: { cpus: "0.25" } }
      update_config: { order: start-first, parallelism: 2 }
    healthcheck: { test: "wget -q localhost", interval: 5s, timeout: 2s, retries: 4 }
    configs: [{ source: site, target: /etc/nginx/site.conf, mode: 0440 }]
    labels: { some.label: "with spaces" }
    x-naru-autoscale: { min: 2, max: 5, target: { cpu: 70%, memory: 200M, requests: 50 }, down_after: 30s }
  api:
    build: ./api
    command: ["serve", "--port", "80"]
    entrypoint: /bin/api
    environment: { URL: "http://db:5432/$$(X)", EMPTY: "", COUNT: 5 }
    networks: { front: {}, back: { aliases: [backend_api] } }
    user: "1000:1001"
    read_only: true
    cap_drop: [ALL]
    cap_add: [NET_BIND_SERVICE]
    security_opt: ["no-new-privileges:true"]
    stop_grace_period: 90s
    extra_hosts: ["printer=10.0.0.9"]
    tmpfs: /tmp
    secrets: [key, { source: binary, target: keys/b }]
    ulimits: { nofile: 1000 }
    pre_stop: [{ command: ["/bin/drain", "a b"] }, { command: /bin/bye }]
    depends_on: { db: { condition: service_healthy }, migrate: { condition: service_completed_successfully } }
  db:
    image: postgres:17
    networks: [back]
    expose: ["5432"]
    volumes: ["data:/data", "./init:/init:ro", "/anonymous"]
  migrate: { build: ./api, restart: "on-failure:3", networks: [back] }
  nightly:
    image: postgres:17
    networks: [back]
    x-naru-schedule: { cron: ["0 3 * * *", "0 15 * * *"], timezone: Europe/Berlin, overlap: replace, timeout: 10m }
  agent: { image: agent, deploy: { mode: global }, network_mode: host, pid: host }
  plain_one: { image: i, networks: [back], scale: 3, platform: linux/arm64 }
networks: { front: {}, back: { internal: true } }
volumes: { data: { driver_opts: { size: 5Gi } } }
configs: { site: { content: "server {}\\n" } }
secrets: { key: { environment: API_KEY }, binary: { file: ./bin } }
`;

test("every kind of workload, each valid by the schema of Kubernetes", async () => {
  const { objects } = await convert(SHOP, { API_KEY: "k" });
  expect(Object.keys(objects)).toEqual([
    ...["ConfigMap shop-site", "Secret shop-binary", "Secret shop-key", "PersistentVolumeClaim shop-data"],
    ...["NetworkPolicy network-back", "NetworkPolicy network-front", "NetworkPolicy web-published"],
    ...[
      "Service api",
      "Service backend-api",
      "Service db",
      "Service plain-one",
      "Service web",
      "Service web-published",
    ],
    ...["DaemonSet agent", "Deployment api", "Deployment db", "Job migrate", "CronJob nightly-1", "CronJob nightly-2"],
    ...["Deployment plain-one", "Deployment web", "HorizontalPodAutoscaler web"],
  ]);
  const selector = { "app.kubernetes.io/name": "web", "app.kubernetes.io/part-of": "shop" };
  expect(objects["Deployment web"].spec).toMatchObject({
    selector: { matchLabels: selector },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } },
    template: { metadata: { labels: selector, annotations: { "some.label": "with spaces" } } },
  });
  expect(objects["Deployment web"].spec.replicas).toBeUndefined();
  expect(objects["Deployment web"].spec.template.spec).toEqual({
    containers: [
      {
        ...{ name: "web", image: "nginx" },
        ports: [
          { name: "tcp-80", containerPort: 80 },
          { name: "tcp-9000", containerPort: 9000 },
        ],
        volumeMounts: [{ name: "config-site", mountPath: "/etc/nginx/site.conf", subPath: "site", readOnly: true }],
        resources: { limits: { cpu: "500m", memory: "64Mi" }, requests: { cpu: "250m" } },
        readinessProbe: {
          exec: { command: ["/bin/sh", "-c", "wget -q localhost"] },
          ...{ periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 4 },
        },
      },
    ],
    volumes: [
      { name: "config-site", configMap: { name: "shop-site", items: [{ key: "site", path: "site", mode: 0o440 }] } },
    ],
    ...{ enableServiceLinks: false, restartPolicy: "Always" },
  });
  expect(objects["HorizontalPodAutoscaler web"].spec).toMatchObject({
    ...{ minReplicas: 2, maxReplicas: 5, behavior: { scaleDown: { stabilizationWindowSeconds: 30 } } },
    metrics: [
      { resource: { name: "cpu", target: { averageUtilization: 70 } } },
      { resource: { name: "memory", target: { averageValue: "209715200" } } },
      { pods: { target: { averageValue: "50" } } },
    ],
  });
});

test("settings of containers and pods", async () => {
  const { objects } = await convert(SHOP, { API_KEY: "k" });
  const api = objects["Deployment api"].spec.template.spec;
  expect(api).toMatchObject({
    ...{ terminationGracePeriodSeconds: 90, hostAliases: [{ ip: "10.0.0.9", hostnames: ["printer"] }] },
    containers: [
      {
        ...{ image: "shop-api", command: ["/bin/api"], args: ["serve", "--port", "80"] },
        env: [
          { name: "COUNT", value: "5" },
          { name: "EMPTY", value: "" },
          { name: "URL", value: "http://db:5432/$$(X)" },
        ],
        securityContext: {
          ...{ runAsUser: 1000, runAsGroup: 1001, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
          capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
        },
        lifecycle: { preStop: { exec: { command: ["/bin/sh", "-c", "/bin/drain 'a b' && /bin/bye"] } } },
        volumeMounts: [
          { mountPath: "/tmp" },
          { mountPath: "/run/secrets/key", subPath: "key" },
          { mountPath: "/run/secrets/keys/b", subPath: "binary" },
        ],
      },
    ],
  });
  expect(objects["Deployment db"].spec).toMatchObject({
    strategy: { type: "Recreate" },
    template: {
      spec: {
        volumes: [
          { persistentVolumeClaim: { claimName: "shop-data" } },
          { hostPath: { path: "/srv/project/init", type: "DirectoryOrCreate" } },
          { emptyDir: {} },
        ],
      },
    },
  });
  expect(objects["DaemonSet agent"].spec.template.spec).toMatchObject({ hostNetwork: true, hostPID: true });
  expect(objects["Deployment plain-one"].spec).toMatchObject({
    replicas: 3,
    template: { spec: { nodeSelector: { "kubernetes.io/arch": "arm64", "kubernetes.io/os": "linux" } } },
  });
  expect(objects["Job migrate"].spec).toMatchObject({
    backoffLimit: 3,
    template: { spec: { restartPolicy: "OnFailure" } },
  });
  expect(objects["CronJob nightly-2"].spec).toMatchObject({
    ...{ schedule: "0 15 * * *", timeZone: "Europe/Berlin", concurrencyPolicy: "Replace" },
    jobTemplate: { spec: { activeDeadlineSeconds: 600, template: { spec: { restartPolicy: "Never" } } } },
  });
});

test("names, ports, files, networks", async () => {
  const { objects } = await convert(SHOP, { API_KEY: "k" });
  expect(objects["Service web-published"].spec).toMatchObject({
    ...{ type: "LoadBalancer", ports: [{ port: 8080, targetPort: 80 }] },
  });
  expect(objects["Service db"].spec.ports).toEqual([{ name: "tcp-5432", port: 5432, targetPort: 5432 }]);
  // Nobody says which ports it has: its name leads to its pods.
  expect(objects["Service plain-one"].spec.clusterIP).toBe("None");
  expect(objects["ConfigMap shop-site"].data).toEqual({ site: "server {}\n" });
  expect(objects["Secret shop-key"].data).toEqual({ key: "aw==" });
  expect(objects["Secret shop-binary"].data).toEqual({ binary: "//4=" });
  expect(objects["PersistentVolumeClaim shop-data"].spec.resources.requests.storage).toBe("5Gi");
  const members = { matchLabels: { "naru.compose.network/back": "true" } };
  expect(objects["NetworkPolicy network-back"].spec).toMatchObject({
    ...{ podSelector: members, ingress: [{ from: [{ podSelector: members }] }] },
  });
  expect(objects["Deployment api"].spec.template.metadata.labels).toMatchObject({
    ...{ "naru.compose.network/back": "true", "naru.compose.network/front": "true" },
  });
});

test("what a program provides is left out, and told", async () => {
  const { objects, remarks } = await convert(
    "name: p\nservices: {db: {provider: {type: cloud}}, web: {image: x, models: [llm]}}\nmodels: {llm: {model: m}}\n",
  );
  expect(Object.keys(objects)).toEqual(["Service web", "Deployment web"]);
  expect(remarks).toEqual([
    "db: it is left out: a program provides it (cloud), and tells others their variables",
    "web: models is left out: pods have no models: name their addresses in the environment",
  ]);
});

test("what has no counterpart is told, in the file too", async () => {
  const { remarks } = await convert(SHOP, { API_KEY: "k" });
  for (const words of [
    "api: ulimits is left out: pods have no ulimits",
    "api: is built here: push its image",
    "web: port 127.0.0.1:9000 is for one address of the machine",
    "db: /srv/project/init is a directory of one machine (hostPath)",
    "network back: is internal",
    "depends_on: pods start in any order",
    "web: the autoscale target 'requests' needs a metrics adapter",
  ]) {
    expect(remarks.some((remark) => remark.startsWith(words))).toBe(true);
  }
  const made = await kubeObjects(await projectOf(SHOP, { API_KEY: "k" }), FILES);
  expect(kubeYaml(made)).toStartWith(`# ${made.remarks[0]}\n`);
  expect(inNamespace(made.objects, "prod").every(({ metadata }) => metadata.namespace === "prod")).toBe(true);
});

describe("refused", () => {
  const secret = "services: { a: { image: i, secrets: [s] } }\nsecrets:";
  test.each([
    [`${secret} { s: { file: ./none } }`, "cannot read /srv/project/none"],
    [`${secret} { s: { environment: NOT_SET } }`, 'environment variable "NOT_SET" is not set'],
  ])("%s", async (text, words) => {
    const project = await projectOf(`name: p\n${text}`);
    await expect(kubeObjects(project, FILES)).rejects.toThrow(words);
  });
});
