/** `naru kubectl` beside the real kubectl on one cluster: descriptions, objects made from flags, access, kubeconfig files, nodes. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestClusterDaemon } from "../support/cluster.ts";
import { type NaruKubectl, startNaruKubectl } from "../support/naru-kubectl.ts";
import { PATIENCE } from "../support/patience.ts";

const OBJECTS = `apiVersion: v1
kind: ConfigMap
metadata: { name: settings, annotations: { note: hello } }
data: { colour: green, text: "a: b\\nc\\n" }
binaryData: { bin: AAEC }
---
apiVersion: v1
kind: Secret
metadata: { name: hidden }
stringData: { key: value }
---
apiVersion: v1
kind: ResourceQuota
metadata: { name: few }
spec: { hard: { pods: "20" } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      volumes:
        - { name: files, emptyDir: {} }
        - { name: settings, configMap: { name: settings } }
      containers:
        - name: c
          image: "busybox-test:1"
          command: [sh, -c, "sleep 1000"]
          ports: [{ containerPort: 80, name: http }]
          env:
            - { name: PLAIN, value: x }
            - { name: FROM_SECRET, valueFrom: { secretKeyRef: { name: hidden, key: key } } }
            - { name: OWN_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
          envFrom: [{ configMapRef: { name: settings, optional: true } }]
          resources: { requests: { cpu: 10m, memory: 16Mi }, limits: { memory: 64Mi } }
          readinessProbe: { exec: { command: [sh, -c, "exit 0"] }, periodSeconds: 1 }
          volumeMounts: [{ name: files, mountPath: /files }, { name: settings, mountPath: /settings, readOnly: true }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: yearly }
spec:
  schedule: "0 0 1 1 *"
  jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [{ name: c, image: "busybox-test:1" }] } } } }
`;
let cluster: TestClusterDaemon;
let link: NaruKubectl;
const n = ["-n", "more"];

beforeAll(async () => {
  ({ cluster, link } = await startNaruKubectl("busybox-test:1"));
  await ok("create", "namespace", "more");
  const applied = await mine(["apply", ...n, "-f", "-"], OBJECTS);
  expect([applied.code, applied.stderr]).toEqual([0, ""]);
  await ok("rollout", "status", "deployment/web", ...n, "--timeout=60s");
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const mine: NaruKubectl["run"] = (...words) => link.run(...words);
const ok: NaruKubectl["ok"] = (...words) => link.ok(...words);
/** Both print the same, but for times that pass meanwhile. */
async function same(...words: string[]): Promise<void> {
  const timeless = (text: string) =>
    text
      .replaceAll(/\b(?:\d+[dhms])+( \(x\d+ over (?:\d+[dhms])+\))?/g, "AGE")
      .replaceAll(/(RenewTime|LastHeartbeatTime):.*/g, "$1")
      .replaceAll(/ +/g, " ")
      .replaceAll(/-{3,}/g, "---");
  const [answer, real] = await Promise.all([mine(words), cluster.kubectl(words)]);
  expect([answer.code, timeless(answer.stdout), timeless(answer.stderr)]).toEqual([
    real.code,
    timeless(real.stdout),
    timeless(real.stderr),
  ]);
}

const CLIENT = ["--dry-run=client", "-o", "yaml"];
test.each(["deployments", "replicasets", "pods", "services", "configmaps", "secrets", "serviceaccounts"])(
  "describe %s",
  async (type) => {
    await same("describe", type, ...n);
  },
);

test.each<[string[]]>([
  [["describe", "node", "node-a"]],
  [["describe", "namespace", "more"]],
  [["describe", "quota,cronjob,endpointslices", ...n]],
  [["describe", "lease", "-n", "kube-node-lease"]],
  [["describe", "clusterrole", "view"]],
  [["describe", "pod", "nope", ...n]],
  [["describe", "cm", "nope", "settings", ...n]],
  [["describe", "cm", "settings", "-l", "a=b", ...n]],
  [["describe", "pod", "web-", ...n]],
  [["describe"]],
  [["create", "role", "x", "--verb=get,list", "--resource=pods,deployments.apps/scale", ...CLIENT]],
  [["create", "clusterrole", "x", "--verb=get", "--non-resource-url=/a", ...CLIENT]],
  [["create", "clusterrole", "x", "--aggregation-rule=a=b,c=d", ...CLIENT]],
  [["create", "cronjob", "x"]],
  [["create", "configmap", "x", "--from-literal=a=<b> & c", "--append-hash", "--dry-run=client", "-o", "name"]],
  [["create", "rolebinding", "x", "--role=r", "--user=u", "--group=g", "--serviceaccount=d:sa", ...CLIENT]],
  [["create", "clusterrolebinding", "x", "--clusterrole=view", "--user=u", ...CLIENT]],
  [["create", "ingress", "x", "--rule=a.b/p*=s:80,tls=t", "--rule=/y=s:http", "--class=c", ...CLIENT]],
  [["create", "quota", "x", "--hard=cpu=1,pods=2", "--scopes=BestEffort", ...CLIENT]],
  [["create", "pdb", "x", "--selector=app=web", "--min-available=50%", ...CLIENT]],
  [["create", "pdb", "x", "--selector=app==web,tier in (a,b),!old", "--max-unavailable=1", ...CLIENT]],
  [["create", "priorityclass", "x", "--value=10", "--description=d", ...CLIENT]],
  [["create", "role", "x", "--verb=get"]],
  [["create", "role", "x", "--verb=get", "--resource=pods,nope", ...CLIENT]],
  [["create", "quota", "x", "--hard=cpu=much", ...CLIENT]],
  [["autoscale", "deploy", "web", ...n, "--min=1", "--max=3", "--cpu=50%", "--memory=100Mi", ...CLIENT]],
  [["auth", "whoami"]],
  [["auth", "can-i", "get", "pods", "--as", "nobody"]],
  [["auth", "can-i", "impersonate", "users"]],
  [["auth", "can-i", "get", "things.example.com"]],
  [["auth", "can-i", "--list"]],
  [["top", "pod", "a", "b"]],
  [["version", "more"]],
  [["taint", "node", "node-a", "a=b:Nonsense"]],
  [["taint", "node", "node-a", "a-"]],
  [["cluster-info"]],
  [["set", "env", "deploy/web", "--list", "--resolve", ...n]],
  [["set", "env", "deploy/web", "--from=configmap/settings", "--prefix=S_", "--keys=colour", ...n, ...CLIENT]],
  [["set", "env", "deploy/web", "PLAIN=y", "--overwrite=false", ...n]],
  [["set", "resources", "deploy/web", "--limits=cpu=1", "-c", "c", ...n, ...CLIENT]],
  [["set", "resources", "svc/web", "--limits=cpu=1", ...n]],
  [["set", "selector", "svc/web", "app=x,b=c", ...n, ...CLIENT]],
  [["set", "serviceaccount", "deploy/web", "me", ...n, ...CLIENT]],
  [["set", "subject", "clusterrolebinding/cluster-admin", "--group=g", "--user=u", ...CLIENT]],
  [["set", "image", "deploy/web", "c=x", "nope=y", ...n, "--dry-run=client"]],
  [["label", "deploy,cronjob", "--all", "--list", ...n]],
  [["annotate", "cm/settings", "a=b", "a-", ...n]],
  [["patch", "cm/settings", "-p", '{"data":{"colour":"red"}}', ...n, "--dry-run=server", "-o", "jsonpath={.data}"]],
  [["patch", "cm", "nope", "settings", "-p", '{"data":{"colour":"red"}}', ...n, "--dry-run=server"]],
  [["scale", "deploy", "nope", "web", "--replicas=1", ...n, "--dry-run=client"]],
  [["rollout", "status", "deploy", "web", "-l", "a=b", ...n]],
  [["delete", "cm", "settings", "-l", "a=b", ...n]],
  [["delete", "cm", "settings", "--all", ...n]],
  [["delete", "cm/settings", "-l", "a=b", ...n]],
  [["delete", "-l", "a=b", ...n]],
  [["delete", "cm", "-l", "a=nobody", "-i", ...n]],
  [["apply", "-f", "x.yaml", "--force", "--dry-run=server"]],
  [["apply", "-f", "x.yaml", "--force", "--server-side"]],
  [["replace"]],
  [["drain", "node-a", "-l", "a=b"]],
  [["run", "x", "--image=Abc", "--dry-run=client"]],
  [["wait", "deploy/web", "--for=jsonpath={.status.replicas}=1", ...n, "-o", "name"]],
  [["get", "cm", "settings", ...n, "-o", "kyaml"]],
  [["get", "pods", ...n, "--server-print=false"]],
  [["get", "cm/settings", ...n, "-o", "jsonpath={.data.colour[0"]],
  [["auth", "whoami", "--as=a", "--as-group=b", "--as-group=c", "--as-uid=1", "--as-user-extra=k=v"]],
  [["config", "view"]],
  [["config", "view", "--flatten", "--minify", "-o", "json"]],
  [["config", "get-clusters"]],
  [["config", "get-users"]],
  [["config", "get-contexts"]],
  [["config", "get-contexts", "nope"]],
  [["config", "use-context", "nope"]],
])("%p", async (words) => {
  await same(...words);
});

test("of a file only what the selector means is deleted; ports of one number stay two", async () => {
  const cm = (name: string) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, labels: { which: ${name} } }\n---\n`;
  const port = (name: string, protocol: string) => `{ name: ${name}, port: 53, protocol: ${protocol} }`;
  const ports = `[${port("dns", "UDP")}, ${port("dns-tcp", "TCP")}]`;
  const service = `apiVersion: v1\nkind: Service\nmetadata: { name: dns }\nspec: { selector: { a: b }, ports: ${ports} }\n`;
  const file = join(cluster.daemon.root, "selected.yaml");
  await writeFile(file, cm("one") + cm("two") + service);
  expect(await ok("apply", "-f", file, ...n)).toBe(
    "configmap/one created\nconfigmap/two created\nservice/dns created\n",
  );
  expect(await ok("apply", "-f", file, ...n)).toBe(
    "configmap/one unchanged\nconfigmap/two unchanged\nservice/dns unchanged\n",
  );
  expect(await ok("delete", "-f", file, "-l", "which in (one,three)", ...n)).toBe(
    'configmap "one" deleted from more namespace\n',
  );
  expect(await ok("delete", "-f", file, "--ignore-not-found", ...n)).toBe(
    'configmap "two" deleted from more namespace\nservice "dns" deleted from more namespace\n',
  );
});

test("config changes the file as the real one does", async () => {
  const [own, real] = [join(cluster.daemon.root, "own.yaml"), join(cluster.daemon.root, "real.yaml")];
  await copyFile(cluster.kubeconfig, own);
  await copyFile(cluster.kubeconfig, real);
  for (const words of [
    ["set-context", "second", "--cluster", "naru", "--namespace", "more", "--user", "naru"],
    ["set-context", "--current", "--namespace", "first"],
    ["rename-context", "second", "other"],
    ["use-context", "other"],
    ["set", "clusters.far.server", "https://far:6443"],
    ["set-cluster", "far", "--tls-server-name=x", "--certificate-authority=ca.pem"],
    ["set-credentials", "far", "--exec-command=get-token", "--exec-arg=a,b", "--exec-env=C=d"],
    ["set-credentials", "far", "--username=u", "--password=p", "--exec-env=C-"],
    ["set-context", "far", "--cluster=far", "--user=far"],
    ["unset", "users.far.password"],
    ["delete-context", "far"],
    ["delete-cluster", "far"],
    ["delete-user", "far"],
  ]) {
    const done = await mine(["config", ...words], undefined, own);
    const wanted = await cluster.kubectl(["--kubeconfig", real, "config", ...words]);
    expect([done.code, done.stdout.replaceAll(own, real), done.stderr]).toEqual([0, wanted.stdout, wanted.stderr]);
    expect(await readFile(own, "utf8")).toBe(await readFile(real, "utf8"));
  }
  expect((await mine(["get", "cm", "settings", "-o", "name"], undefined, own)).stdout).toBe("configmap/settings\n");
});

test("taints come and go; a drained node has no pods but those of daemon sets", async () => {
  expect(await ok("taint", "node", "node-a", "a=b:PreferNoSchedule")).toBe("node/node-a tainted\n");
  expect(await ok("taint", "node", "node-a", "a=c:PreferNoSchedule", "--overwrite")).toBe("node/node-a modified\n");
  expect(await ok("taint", "node", "node-a", "a-")).toBe("node/node-a untainted\n");
  const refused = await mine(["drain", "node-a"]);
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringContaining("use --delete-emptydir-data to override"),
  ]);
  expect(await ok("drain", "node-a", "--delete-emptydir-data")).toEndWith("node/node-a drained\n");
  expect(await ok("get", "pods", ...n, "-o", "jsonpath={.items[*].spec.nodeName}")).toBe("");
  expect(await ok("uncordon", "node-a")).toBe("node/node-a uncordoned\n");
});

test("several kubeconfigs are one; a credential program beside one of them is asked", async () => {
  const folder = join(cluster.daemon.root, "several");
  await mkdir(folder);
  const whole = await readFile(cluster.kubeconfig, "utf8");
  const { users } = Bun.YAML.parse(whole) as { users: { user: Record<string, string> }[] };
  const decoded = (field: string) => Buffer.from(users[0]!.user[field]!, "base64").toString();
  const status = {
    clientCertificateData: decoded("client-certificate-data"),
    clientKeyData: decoded("client-key-data"),
  };
  const apiVersion = "client.authentication.k8s.io/v1";
  await Bun.write(join(folder, "credentials"), JSON.stringify({ apiVersion, kind: "ExecCredential", status }));
  const program = join(folder, "program");
  await writeFile(program, '#!/bin/sh\ntest "$PLACE" = here && cat "$(dirname "$0")/credentials"\n', { mode: 0o755 });
  const exec = { apiVersion, command: "./program", interactiveMode: "Never", env: [{ name: "PLACE", value: "here" }] };
  const added = {
    "current-context": "asked",
    contexts: [{ name: "asked", context: { cluster: "naru", user: "asked", namespace: "more" } }],
    users: [{ name: "asked", user: { exec } }],
  };
  await Bun.write(join(folder, "config"), JSON.stringify(added));
  const child = Bun.spawn([link.path, "get", "cm", "settings", "-o", "name"], {
    stdout: "pipe",
    stderr: "pipe",
    timeout: 30_000 * PATIENCE,
    env: { ...process.env, KUBECONFIG: `${join(folder, "config")}:${cluster.kubeconfig}` },
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect([await child.exited, stdout, stderr]).toEqual([0, "configmap/settings\n", ""]);
});

test("replace keeps the object, --force makes another; a raw path is put to; several failures are all told", async () => {
  const uid = () => ok("get", "cm", "replaced", ...n, "-o", "jsonpath={.metadata.uid}");
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "replaced" }, data: { a: "1" } };
  const send = (...words: string[]) => mine([...words, ...n, "-f", "-"], JSON.stringify(object));
  expect((await send("create")).stdout).toBe("configmap/replaced created\n");
  const first = await uid();
  expect((await send("replace")).stdout).toBe("configmap/replaced replaced\n");
  expect(await uid()).toBe(first);
  expect((await send("replace", "--force", "--timeout=60s")).stdout).toBe(
    'configmap "replaced" deleted from more namespace\nconfigmap/replaced replaced\n',
  );
  expect(await uid()).not.toBe(first);
  const raw = await send("replace", "--raw", "/api/v1/namespaces/more/configmaps/replaced");
  expect(JSON.parse(raw.stdout).data).toEqual({ a: "1" });
  const missing = ["a", "b"].map((name) => ({ ...object, metadata: { name } }));
  const refused = await mine(
    ["replace", ...n, "-f", "-"],
    JSON.stringify({ apiVersion: "v1", kind: "List", items: missing }),
  );
  expect([refused.code, refused.stderr]).toEqual([
    1,
    ["a", "b"]
      .map((name) => `Error from server (NotFound): error when replacing "STDIN": configmaps "${name}" not found\n`)
      .join(""),
  ]);
  expect(await ok("delete", "--raw", "/api/v1/namespaces/more/configmaps/replaced")).toContain('"Success"');
});

test("a token of a service account is that account", async () => {
  const token = (await ok("create", "token", "default", ...n)).trim();
  const config = join(cluster.daemon.root, "token.yaml");
  const text = await readFile(cluster.kubeconfig, "utf8");
  await Bun.write(
    config,
    text.replaceAll(/^.*client-(certificate|key)-data:.*$/gm, "").replace(/user:\s*$/m, `user: { token: "${token}" }`),
  );
  const { stdout } = await mine(["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"], undefined, config);
  expect(stdout).toBe("system:serviceaccount:more:default");
});
