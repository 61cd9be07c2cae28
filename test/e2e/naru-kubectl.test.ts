/** `naru kubectl` beside the real kubectl on one cluster: the same words must bring the same answers, and the same changes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestClusterDaemon } from "../support/cluster.ts";
import { NARU } from "../support/daemon.ts";
import { type NaruKubectl, startNaruKubectl } from "../support/naru-kubectl.ts";
import { PATIENCE } from "../support/patience.ts";

const WEB = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - { name: c, image: "busybox-test:1", command: [sh, -c, "echo hello; sleep 1000"], ports: [{ containerPort: 80 }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { colour: green, "on": "yes", number: "1", text: "a: b" }
`;
let cluster: TestClusterDaemon;
let link: NaruKubectl;
let file: string;

beforeAll(async () => {
  ({ cluster, link } = await startNaruKubectl("busybox-test:1", "busybox-test:2"));
  file = join(cluster.daemon.root, "web.yaml");
  await writeFile(file, WEB);
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const mine: NaruKubectl["run"] = (...words) => link.run(...words);
const ok: NaruKubectl["ok"] = (...words) => link.ok(...words);
async function refused(...words: string[]): Promise<string> {
  const { code, stderr } = await mine(words);
  expect(code).toBe(1);
  return stderr.trimEnd();
}
/** Both print the same, but for times that pass meanwhile. */
async function same(...words: string[]): Promise<void> {
  const withoutAges = (text: string) => text.replaceAll(/\b(?:\d+[dhms])+\b/g, "AGE").replaceAll(/ +/g, " ");
  const [answer, real] = await Promise.all([mine(words), cluster.kubectl(words)]);
  expect([answer.code, withoutAges(answer.stdout), withoutAges(answer.stderr)]).toEqual([
    real.code,
    withoutAges(real.stdout),
    withoutAges(real.stderr),
  ]);
}

describe("the same answers", () => {
  beforeAll(async () => {
    await ok("create", "namespace", "reading");
    await ok("apply", "-n", "reading", "-f", file);
    await ok("expose", "deployment", "web", "-n", "reading", "--port", "80");
    await ok("rollout", "status", "-n", "reading", "deployment/web", "--timeout=60s");
  });
  test.each<string[]>([
    ["get", "nodes"],
    ["get", "nodes", "-o", "wide"],
    ["get", "all", "-n", "reading"],
    ["get", "pods,services", "-n", "reading"],
    ["get", "deploy", "web", "-n", "reading", "-o", "yaml"],
    ["get", "cm", "settings", "-n", "reading", "-o", "json"],
    ["get", "cm/settings", "svc/web", "-n", "reading", "-o", "yaml"],
    ["get", "pods", "-n", "reading", "-l", "app=web", "-o", "name"],
    ["get", "pods", "-A", "-o", 'jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}'],
    [
      "get",
      "pods",
      "-n",
      "reading",
      "-o",
      "custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[*].image,NONE:.x",
    ],
    ["get", "deploy", "web", "-n", "reading", "-o", "go-template={{.metadata.name}} {{.spec.replicas}}"],
    ["get", "deploy", "-n", "reading", "-L", "app", "--no-headers"],
    ["get", "deploy", "-n", "reading", "--show-labels"],
    ["get", "ns", "--sort-by", ".metadata.name"],
    ["get", "pods", "-n", "empty"],
    ["get", "svc", "nope", "-n", "reading"],
    ["get", "nonsense"],
    ["get", "pods/x", "y"],
    ["get", "cm", "nope", "--ignore-not-found"],
    ["rollout", "status", "deployment/web", "-n", "reading"],
    ["logs", "deployment/web", "-n", "reading", "-c", "nope"],
    ["api-versions"],
    ["api-resources", "--api-group", "apps"],
    ["api-resources", "-o", "name"],
    ["top", "node", "nope"],
    ["wait", "--for=condition=Available", "deployment/web", "-n", "reading"],
    ["wait", "--for=jsonpath={.spec.replicas}=2", "deployment/web", "-n", "reading"],
    ["wait", "--for=condition=Nothing", "deployment/web", "-n", "reading", "--timeout=0s"],
    ["delete", "pod", "nope", "-n", "reading"],
    ["scale", "deployment/web", "-n", "reading", "--replicas=2", "--current-replicas=9"],
    [
      "create",
      "deployment",
      "x",
      "--image",
      "a/b:1",
      "--image",
      "c",
      "--port",
      "80",
      "--replicas",
      "3",
      "--dry-run=client",
      "-o",
      "yaml",
    ],
    ["create", "deployment", "x", "--image", "a", "--dry-run=client", "-o", "yaml", "--", "sleep", "5"],
    ["create", "namespace", "x", "--dry-run=client", "-o", "yaml"],
    ["create", "configmap", "x", "--from-literal", "a=b", "--append-hash", "--dry-run=client", "-o", "yaml"],
    ["create", "secret", "generic", "x", "--from-literal", "a=b", "--append-hash", "--dry-run=client", "-o", "yaml"],
    [
      "create",
      "secret",
      "docker-registry",
      "x",
      "--docker-server",
      "s",
      "--docker-username",
      "u",
      "--docker-password",
      "p",
      "--dry-run=client",
      "-o",
      "yaml",
    ],
    ["create", "service", "nodeport", "x", "--tcp", "80:8080", "--dry-run=client", "-o", "yaml"],
    ["create", "service", "clusterip", "x", "--tcp", "80", "--clusterip", "None", "--dry-run=client", "-o", "yaml"],
    ["create", "service", "externalname", "x", "--external-name", "a.b", "--dry-run=client", "-o", "yaml"],
    ["create", "job", "x", "--image", "a", "--dry-run=client", "-o", "yaml", "--", "b", "c"],
    ["create", "cronjob", "x", "--image", "a", "--schedule", "*/5 * * * *", "--dry-run=client", "-o", "yaml"],
    ["create", "serviceaccount", "x", "--dry-run=client"],
    ["create", "namespace", "reading"],
    ["label", "cm", "settings", "-n", "reading", "a"],
    ["label", "cm", "settings", "-n", "reading", "--list"],
  ])("%s %s %s %s %s %s", async (...words) => {
    await same(...words.filter((word) => typeof word === "string"));
  });
});

test("apply: made, changed where the file changed, what left the file goes, what others set stays", async () => {
  await ok("create", "namespace", "applying");
  const apply = async (text: string) => (await mine(["apply", "-n", "applying", "-f", "-"], text)).stdout;
  expect(await apply(WEB)).toBe("deployment.apps/web created\nconfigmap/settings created\n");
  expect(await apply(WEB)).toBe("deployment.apps/web unchanged\nconfigmap/settings unchanged\n");
  // The real kubectl reads naru's annotation as its own.
  expect((await cluster.kubectl(["apply", "-n", "applying", "-f", "-"], WEB)).stdout).toBe(
    "deployment.apps/web unchanged\nconfigmap/settings unchanged\n",
  );
  await ok("patch", "cm", "settings", "-n", "applying", "-p", '{"data": {"theirs": "kept"}}');
  await ok("scale", "deployment/web", "-n", "applying", "--replicas=3");
  const changed = WEB.replace("colour: green, ", "")
    .replace("busybox-test:1", "busybox-test:2")
    .replace("  replicas: 2\n", "");
  expect(await apply(changed)).toBe("deployment.apps/web configured\nconfigmap/settings configured\n");
  expect(JSON.parse(await ok("get", "cm", "settings", "-n", "applying", "-o", "jsonpath={.data}"))).toEqual({
    on: "yes",
    number: "1",
    text: "a: b",
    theirs: "kept",
  });
  const path = "jsonpath={.spec.template.spec.containers[*].image} {.spec.template.spec.containers[*].name}";
  expect(await ok("get", "deploy", "web", "-n", "applying", "-o", path)).toBe("busybox-test:2 c");
  const conflict = await mine(["apply", "-n", "applying", "--server-side", "-f", "-"], changed.replace('"1"', '"2"'));
  expect([conflict.code, conflict.stderr]).toEqual([1, expect.stringContaining("--force-conflicts")]);
});

test("the course of work: create, expose, scale, update, undo, delete", async () => {
  const n = ["-n", "course"];
  await ok("create", "namespace", "course");
  expect(
    await ok(
      "create",
      "deployment",
      "site",
      "--image",
      "busybox-test:1",
      "--port",
      "80",
      ...n,
      "--",
      "sh",
      "-c",
      "echo up; sleep 1000",
    ),
  ).toBe("deployment.apps/site created\n");
  expect(
    await ok(
      "patch",
      "deployment",
      "site",
      ...n,
      "-p",
      '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":0}}}}',
    ),
  ).toBe("deployment.apps/site patched\n");
  expect(await ok("expose", "deployment/site", ...n)).toBe("service/site exposed\n");
  expect(await ok("scale", "deployment/site", ...n, "--replicas=3")).toBe("deployment.apps/site scaled\n");
  expect(await ok("rollout", "status", "deployment/site", ...n, "--timeout=60s")).toEndWith(
    "successfully rolled out\n",
  );
  expect(await ok("logs", "deployment/site", ...n)).toBe("up\n");
  expect(await ok("set", "image", "deployment/site", ...n, "busybox-test=busybox-test:2")).toBe(
    "deployment.apps/site image updated\n",
  );
  await ok("rollout", "status", "deployment/site", ...n, "--timeout=60s");
  const image = () => ok("get", "deploy/site", ...n, "-o", "jsonpath={.spec.template.spec.containers[0].image}");
  expect(await image()).toBe("busybox-test:2");
  expect(await ok("rollout", "undo", "deployment/site", ...n)).toBe("deployment.apps/site rolled back\n");
  await ok("rollout", "status", "deployment/site", ...n, "--timeout=60s");
  expect(await image()).toBe("busybox-test:1");
  expect(await ok("rollout", "pause", "deployment/site", ...n)).toBe("deployment.apps/site paused\n");
  expect(await refused("rollout", "pause", "deployment/site", ...n)).toBe(
    'error: deployments.apps "site" is already paused',
  );
  expect(await ok("rollout", "resume", "deployment/site", ...n)).toBe("deployment.apps/site resumed\n");
  expect(await ok("rollout", "restart", "deployment/site", ...n)).toBe("deployment.apps/site restarted\n");
  await same("rollout", "history", "deployment/site", ...n);
  expect(await ok("label", "deployment/site", ...n, "tier=front", "app-")).toBe("deployment.apps/site labeled\n");
  expect(await refused("label", "deployment/site", ...n, "tier=back")).toBe(
    "error: 'tier' already has a value (front), and --overwrite is false",
  );
  expect(await ok("annotate", "deployment/site", ...n, "note=x")).toBe("deployment.apps/site annotated\n");
  expect(await ok("delete", "deployment,service", "--all", ...n)).toBe(
    'deployment.apps "site" deleted from course namespace\nservice "site" deleted from course namespace\n',
  );
});

test("cordon and uncordon; a node that pods stay away from", async () => {
  expect(await ok("cordon", "node-a")).toBe("node/node-a cordoned\n");
  expect(await ok("cordon", "node-a")).toBe("node/node-a already cordoned\n");
  expect(await ok("get", "node", "node-a", "--no-headers")).toContain("SchedulingDisabled");
  expect(await ok("uncordon", "node-a")).toBe("node/node-a uncordoned\n");
});

test("watch tells changes until it is stopped", async () => {
  const child = Bun.spawn(
    [link.path, "--kubeconfig", cluster.kubeconfig, "get", "cm", "-n", "kube-public", "-w", "-o", "name"],
    {
      stdout: "pipe",
      timeout: 30_000 * PATIENCE,
    },
  );
  const reader = child.stdout.pipeThrough(new TextDecoderStream() as never).getReader();
  let seen = "";
  const until = async (text: string) => {
    while (!seen.includes(text)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`the watch ended: ${seen}`);
      seen += value;
    }
  };
  await until("configmap/kube-root-ca.crt\n");
  await ok("create", "configmap", "later", "-n", "kube-public");
  await until("configmap/later\n");
  child.kill("SIGINT");
  expect(await child.exited).not.toBe(0);
});

test("mistakes are told in words", async () => {
  expect(await refused("get", "pods", "--nonsense")).toBe(
    "error: unknown flag: --nonsense\nSee 'kubectl get --help' for usage.",
  );
  expect(await refused("nonsense")).toStartWith('error: unknown command "nonsense" for "kubectl"');
  expect(await refused("get", "pods", "--profile=cpu")).toContain("--profile makes profiles of Go's runtime");
  expect(await refused("apply", "-f", "/nowhere.yaml")).toBe('error: the path "/nowhere.yaml" does not exist');
  const { stderr } = await mine(["--server", "https://127.0.0.1:1", "get", "pods"]);
  expect(stderr).toContain("The connection to the server 127.0.0.1:1 was refused");
});

test("without a kubeconfig the daemon's own cluster is meant", async () => {
  const { KUBECONFIG: _none, ...env } = process.env;
  const child = Bun.spawn([NARU, "-H", cluster.daemon.host, "kubectl", "get", "nodes", "-o", "name"], {
    stdout: "pipe",
    stderr: "pipe",
    timeout: 30_000 * PATIENCE,
    env: { ...env, HOME: join(cluster.daemon.root, "bin") },
  });
  expect([await new Response(child.stdout).text(), await child.exited]).toEqual(["node/node-a\n", 0]);
});
