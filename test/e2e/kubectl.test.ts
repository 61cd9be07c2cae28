/** The real kubectl against naru's cluster: everyday commands, streams over WebSocket and SPDY, access by roles. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { busyboxTar, DOCKER, PROJECT, run } from "../support/daemon.ts";
import { PATIENCE } from "../support/patience.ts";

const IMAGE = "busybox-test:1";
const OTHER_IMAGE = "busybox-test:2";
const KUBECTL = join(DOCKER, "../kubectl");
let cluster: TestClusterDaemon;

beforeAll(async () => {
  cluster = await startCluster(["--cluster-node-name", "node-a"]);
  const imported = await cluster.daemon.naru(["import", "-", IMAGE], { stdin: await busyboxTar() });
  expect(imported.stderr).toBe("");
  await cluster.daemon.naru(["tag", IMAGE, OTHER_IMAGE]);
  await kubectl("wait", "--for=condition=Ready", "node/node-a", "--timeout=60s");
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const kubectl = (...words: string[]) => cluster.kubectlSays(words);
const fed = (input: string, ...words: string[]) => cluster.kubectlSays(words, input);

async function refused(...words: string[]): Promise<string> {
  const { code, stderr } = await cluster.kubectl(words);
  expect(code).not.toBe(0);
  return stderr;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000 * PATIENCE;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await Bun.sleep(50);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: whatever object the API answers
type Json = any;

/** Waits until objects in the namespace default are as wished: asked of the API, since kubectl's process takes longer than the answer. */
async function untilThere(what: string, path: string, holds: (body: Json) => boolean): Promise<void> {
  await until(what, async () => holds((await cluster.api("GET", `/api/v1/namespaces/default/${path}`)).body));
}
const labelled = (selector: string) => `pods?labelSelector=${encodeURIComponent(selector)}`;
const portsOf = ({ subsets = [] }: Json): number[] =>
  subsets.flatMap(({ ports }: Json) => ports.map(({ port }: Json) => port));

/** Rows of a table as kubectl prints it, cut at runs of spaces. */
function rows(table: string): string[][] {
  return table
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().split(/ {2,}/));
}

const pod = (name: string, image: string, command: string[]) =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { run: name } },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: "main", image, command }] },
  });

const controller = (name: string, replicas: number) =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "ReplicationController",
    metadata: { name, labels: { app: name } },
    spec: {
      replicas,
      selector: { app: name },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: "main", image: IMAGE, command: ["sleep", "1000"], ports: [{ containerPort: 6379 }] }],
        },
      },
    },
  });

test("nodes and namespaces are shown as kubectl shows them", async () => {
  const [head, node] = rows(await kubectl("get", "nodes", "-o", "wide"));
  expect(head?.slice(0, 6)).toEqual(["NAME", "STATUS", "ROLES", "AGE", "VERSION", "INTERNAL-IP"]);
  expect(node?.slice(0, 2)).toEqual(["node-a", "Ready"]);
  const namespaces = rows(await kubectl("get", "ns")).map(([name, status]) => `${name} ${status}`);
  expect(namespaces).toEqual([
    "NAME STATUS",
    "default Active",
    "kube-node-lease Active",
    "kube-public Active",
    "kube-system Active",
  ]);
});

test(
  conformance("[sig-cli] Kubectl client Kubectl version should check is all data is printed [Conformance]"),
  async () => {
    const { clientVersion, serverVersion } = JSON.parse(await kubectl("version", "-o", "json"));
    for (const version of [clientVersion, serverVersion]) {
      expect(version).toMatchObject({
        major: expect.stringMatching(/^\d+$/),
        minor: expect.stringMatching(/^\d+\+?$/),
        gitVersion: expect.stringMatching(/^v\d/),
        gitCommit: expect.any(String),
        gitTreeState: expect.any(String),
        buildDate: expect.any(String),
        goVersion: expect.any(String),
        compiler: expect.any(String),
        platform: expect.stringContaining("linux/"),
      });
    }
  },
);

test(
  conformance(
    "[sig-cli] Kubectl client Kubectl api-versions should check if v1 is in available api versions [Conformance]",
  ),
  async () => {
    expect((await kubectl("api-versions")).split("\n")).toContain("v1");
  },
);

test(
  conformance(
    "[sig-cli] Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info [Conformance]",
  ),
  async () => {
    expect(Bun.stripANSI(await kubectl("cluster-info"))).toMatch(/Kubernetes control plane is running at https:\/\//);
  },
);

test(
  conformance(
    "[sig-cli] Kubectl client Kubectl run pod should create a pod from an image when restart is Never [Conformance]",
  ),
  async () => {
    await kubectl("run", "never", `--image=${IMAGE}`, "--restart=Never", "--", "true");
    const made = JSON.parse(await kubectl("get", "pod", "never", "-o", "json"));
    expect(made.spec.containers).toHaveLength(1);
    expect(made.spec.containers[0].image).toBe(IMAGE);
    expect(made.spec.restartPolicy).toBe("Never");
    await kubectl("delete", "pod", "never", "--wait=false");
  },
);

test(
  conformance("[sig-cli] Kubectl client Kubectl label should update the label on a resource [Conformance]"),
  async () => {
    await fed(pod("labelled", IMAGE, ["sleep", "1000"]), "create", "-f", "-");
    await kubectl("wait", "--for=condition=Ready", "pod/labelled", "--timeout=60s");
    await kubectl("label", "pods", "labelled", "testing-label=testing-label-value");
    expect(await kubectl("get", "pod", "labelled", "-L", "testing-label")).toContain("testing-label-value");
    expect(await kubectl("get", "pods", "-l", "testing-label=testing-label-value", "-o", "name")).toBe(
      "pod/labelled\n",
    );
    await kubectl("label", "pods", "labelled", "testing-label-");
    expect(await kubectl("get", "pod", "labelled", "-L", "testing-label")).not.toContain("testing-label-value");
    expect(await kubectl("get", "pods", "-l", "testing-label", "-o", "name")).toBe("");
    await kubectl("delete", "pod", "labelled", "--wait=false");
  },
);

test(
  conformance(
    "[sig-cli] Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods [Conformance]",
  ),
  async () => {
    await kubectl("run", "dry", `--image=${IMAGE}`, "--restart=Never", "--", "sleep", "1000");
    const patch = JSON.stringify({ spec: { containers: [{ name: "dry", image: OTHER_IMAGE }] } });
    expect(await kubectl("patch", "pod", "dry", "-p", patch, "--dry-run=server")).toContain("pod/dry patched");
    expect(await kubectl("get", "pod", "dry", "-o", "jsonpath={.spec.containers[0].image}")).toBe(IMAGE);
    await kubectl("delete", "pod", "dry", "--wait=false");
  },
);

test(
  conformance("[sig-cli] Kubectl client Kubectl replace should update a single-container pod's image [Conformance]"),
  async () => {
    await fed(pod("replaced", IMAGE, ["sleep", "1000"]), "create", "-f", "-");
    await kubectl("wait", "--for=condition=Ready", "pod/replaced", "--timeout=60s");
    const live = JSON.parse(await kubectl("get", "pod", "replaced", "-o", "json"));
    live.spec.containers[0].image = OTHER_IMAGE;
    await fed(JSON.stringify(live), "replace", "-f", "-");
    expect(await kubectl("get", "pod", "replaced", "-o", "jsonpath={.spec.containers[0].image}")).toBe(OTHER_IMAGE);
    await untilThere("it runs", "pods/replaced", ({ status: { containerStatuses } }) =>
      containerStatuses.some(({ state, image }: Json) => state.running && image.includes(OTHER_IMAGE)),
    );
    await fed(pod("replaced", IMAGE, ["sleep", "1000"]), "replace", "--force", "-f", "-");
    const made = JSON.parse(await kubectl("get", "pod", "replaced", "-o", "json"));
    expect(made.metadata.uid).not.toBe(live.metadata.uid);
    expect(made.spec.containers[0].image).toBe(IMAGE);
    await kubectl("delete", "pod", "replaced", "--wait=false");
  },
);

test(
  conformance(
    "[sig-cli] Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments [Conformance]",
  ),
  async () => {
    const manifest = (image: string) =>
      JSON.stringify({
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "differs", labels: { app: "differs" } },
        spec: {
          selector: { matchLabels: { app: "differs" } },
          template: { metadata: { labels: { app: "differs" } }, spec: { containers: [{ name: "main", image }] } },
          replicas: 0,
        },
      });
    await fed(manifest(IMAGE), "create", "-f", "-");
    const { code, stdout } = await cluster.kubectl(["diff", "-f", "-"], manifest(OTHER_IMAGE));
    expect(code).toBe(1);
    expect(stdout).toContain(`-      - image: ${IMAGE}`);
    expect(stdout).toContain(`+      - image: ${OTHER_IMAGE}`);
    await kubectl("delete", "deployment", "differs");
  },
);

test(
  conformance("[sig-cli] Kubectl client Update Demo should scale a replication controller [Conformance]"),
  async () => {
    await fed(controller("demo", 2), "create", "-f", "-");
    const becomes = async (count: number) => {
      await untilThere(`${count} run`, labelled("app=demo"), ({ items }) => {
        const running = items.filter(({ status }: Json) => status.phase === "Running");
        return items.length === count && running.length === count;
      });
      const names = await kubectl(
        "get",
        "pods",
        "-l",
        "app=demo",
        "--field-selector=status.phase=Running",
        "-o",
        "name",
      );
      expect(names.trimEnd().split("\n").length).toBe(count);
    };
    await becomes(2);
    await kubectl("scale", "rc", "demo", "--replicas=1", "--timeout=1m");
    await becomes(1);
    await kubectl("scale", "rc", "demo", "--replicas=2", "--timeout=1m");
    await becomes(2);
  },
);

test(
  conformance("[sig-cli] Kubectl client Kubectl patch should add annotations for pods in rc [Conformance]"),
  async () => {
    const names = (await kubectl("get", "pods", "-l", "app=demo", "-o", "name")).split("\n").filter(Boolean);
    expect(names.length).toBe(2);
    for (const name of names) await kubectl("patch", name, "-p", '{"metadata":{"annotations":{"x":"y"}}}');
    const found = await kubectl("get", "pods", "-l", "app=demo", "-o", "jsonpath={.items[*].metadata.annotations.x}");
    expect(found).toBe("y y");
  },
);

test(conformance("[sig-cli] Kubectl client Kubectl expose should create services for rc [Conformance]"), async () => {
  await kubectl("expose", "rc", "demo", "--name=rm2", "--port=1234", "--target-port=6379");
  const first = JSON.parse(await kubectl("get", "service", "rm2", "-o", "json"));
  expect(first.spec.ports).toMatchObject([{ port: 1234, targetPort: 6379 }]);
  await kubectl("expose", "service", "rm2", "--name=rm3", "--port=2345", "--target-port=6379");
  const second = JSON.parse(await kubectl("get", "service", "rm3", "-o", "json"));
  expect(second.spec.ports).toMatchObject([{ port: 2345, targetPort: 6379 }]);
  for (const service of ["rm2", "rm3"])
    await untilThere(`${service} leads to 6379`, `endpoints/${service}`, (found) => portsOf(found).join() === "6379");
  const [head, row] = rows(await kubectl("get", "service", "rm2"));
  expect(head).toEqual(["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]);
  expect(row?.slice(1, 5)).toEqual(["ClusterIP", first.spec.clusterIP, "<none>", "1234/TCP"]);
});

test(
  conformance(
    "[sig-cli] Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods [Conformance]",
  ),
  async () => {
    const name = (await kubectl("get", "pods", "-l", "app=demo", "-o", "name")).split("\n")[0]!;
    const shown = await kubectl("describe", name);
    for (const line of [/^Name: +demo-/m, /^Namespace: +default/m, /^Labels: +app=demo/m, /^Status: +Running/m]) {
      expect(shown).toMatch(line);
    }
    expect(shown).toMatch(/^Controlled By: +ReplicationController\/demo/m);
    expect(shown).toMatch(new RegExp(`Image: +${IMAGE}`));
    expect(shown).toMatch(/State: +Running/);
    const rc = await kubectl("describe", "rc", "demo");
    for (const line of [/^Name: +demo/m, /^Selector: +app=demo/m, /^Replicas: +2 current \/ 2 desired/m]) {
      expect(rc).toMatch(line);
    }
    expect(rc).toMatch(/Pods Status: +2 Running \/ 0 Waiting \/ 0 Succeeded \/ 0 Failed/);
    const service = await kubectl("describe", "service", "rm2");
    for (const line of [/^Name: +rm2/m, /^Selector: +app=demo/m, /^Type: +ClusterIP/m, /^TargetPort: +6379/m]) {
      expect(service).toMatch(line);
    }
    const node = await kubectl("describe", "node", "node-a");
    for (const line of [/^Name: +node-a/m, /^Conditions:/m, /^Addresses:/m, /^Capacity:/m, /^Non-terminated Pods:/m]) {
      expect(node).toMatch(line);
    }
    const namespace = await kubectl("describe", "namespace", "default");
    for (const line of [/^Name: +default/m, /^Status: +Active/m]) expect(namespace).toMatch(line);
  },
);

test(
  conformance("[sig-cli] Kubectl client Update Demo should create and stop a replication controller [Conformance]"),
  async () => {
    await fed(controller("nautilus", 2), "create", "-f", "-");
    await untilThere(
      "two replicas run",
      "replicationcontrollers/nautilus",
      ({ status }) => status?.readyReplicas === 2,
    );
    const phases = ["get", "pods", "-l", "app=nautilus", "-o", "jsonpath={.items[*].status.phase}"];
    expect(await kubectl(...phases)).toBe("Running Running");
    await kubectl("delete", "rc", "nautilus", "demo", "--grace-period=0", "--force");
    await untilThere("no pod is left", labelled("app in (nautilus,demo)"), ({ items }) => items.length === 0);
  },
);

test("a deployment rolls out, changes its image, is rolled back, and heals", async () => {
  const template = JSON.parse(controller("web", 2)).spec.template;
  const spec = { replicas: 2, selector: { matchLabels: { app: "web" } }, template };
  await fed(
    JSON.stringify({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" }, spec }),
    "apply",
    "-f",
    "-",
  );
  const rolledOut = async (image: string) => {
    expect(await kubectl("rollout", "status", "deployment/web", "--timeout=60s")).toContain("successfully rolled out");
    await untilThere(`only ${image}`, labelled("app=web"), ({ items }) =>
      Bun.deepEquals(
        items.map(({ spec }: Json) => spec.containers[0].image),
        [image, image],
      ),
    );
  };
  await rolledOut(IMAGE);
  await kubectl("set", "image", "deployment/web", `main=${OTHER_IMAGE}`);
  await rolledOut(OTHER_IMAGE);
  await kubectl("rollout", "undo", "deployment/web");
  await rolledOut(IMAGE);
  expect(await kubectl("rollout", "history", "deployment/web")).toMatch(/^2 .*\n3 /m);
  const victim = (await cluster.daemon.naru(["ps", "-q", "--filter", "name=k8s_main_web-"])).stdout;
  await cluster.daemon.naru(["kill", victim.split("\n")[0]!]);
  await untilThere("the killed container is started again", labelled("app=web"), ({ items }) => {
    const restarts = items.map(({ status }: Json) => status.containerStatuses[0].restartCount);
    return Bun.deepEquals(restarts.sort(), [0, 1]);
  });
  await kubectl("wait", "--for=condition=Ready", "pod", "-l", "app=web", "--timeout=60s");
  const [head, row] = rows(await kubectl("get", "deployment", "web"));
  expect(head).toEqual(["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]);
  expect(row?.slice(0, 4)).toEqual(["web", "2/2", "2", "2"]);
  await kubectl("delete", "deployment", "web");
});

test("exec, attach, cp and logs carry what the process says", async () => {
  await fed(pod("shell", IMAGE, ["sh", "-c", "echo ready; exec sleep 1000"]), "apply", "-f", "-");
  await kubectl("wait", "--for=condition=Ready", "pod/shell", "--timeout=60s");
  const failed = await cluster.kubectl(["exec", "shell", "--", "sh", "-c", "echo out; echo err >&2; exit 3"]);
  expect(failed).toEqual({ code: 3, stdout: "out\n", stderr: expect.stringContaining("err\n") });
  const megabyte = "0123456789abcdef".repeat(65536);
  expect(await fed(megabyte, "exec", "-i", "shell", "--", "cat")).toBe(megabyte);
  const file = join(cluster.daemon.root, "copied");
  await writeFile(file, megabyte);
  await kubectl("cp", file, "shell:/copied");
  expect(await kubectl("exec", "shell", "--", "wc", "-c", "/copied")).toBe(`${megabyte.length} /copied\n`);
  await kubectl("cp", "shell:/copied", `${file}.back`);
  expect(await readFile(`${file}.back`, "utf8")).toBe(megabyte);
  expect(await refused("exec", "shell", "-c", "nobody", "--", "true")).toContain(
    "container nobody is not valid for pod shell",
  );
});

test("older clients' SPDY carries the same", async () => {
  const spdy = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false", KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" };
  const failed = await withEnvironment(spdy, ["exec", "shell", "--", "sh", "-c", "echo out; echo err >&2; exit 4"]);
  expect(failed).toEqual({ code: 4, stdout: "out\n", stderr: expect.stringContaining("err\n") });
  const text = "line\n".repeat(50_000);
  expect(await withEnvironment(spdy, ["exec", "-i", "shell", "--", "cat"], text)).toMatchObject({
    code: 0,
    stdout: text,
  });
});

test("port-forward leads to the pod's port, by WebSocket and by SPDY", async () => {
  await fed(
    pod("page", IMAGE, ["sh", "-c", "mkdir /w; echo page >/w/index.html; exec httpd -f -p 8080 -h /w"]),
    "apply",
    "-f",
    "-",
  );
  await kubectl("wait", "--for=condition=Ready", "pod/page", "--timeout=60s");
  for (const websockets of ["true", "false"]) {
    const child = spawn(["port-forward", "pod/page", ":8080"], { KUBECTL_PORT_FORWARD_WEBSOCKETS: websockets });
    try {
      const port = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(await firstOutput(child))?.[1];
      const pages = await Promise.all([1, 2, 3].map(async () => (await fetch(`http://127.0.0.1:${port}/`)).text()));
      expect(pages).toEqual(["page\n", "page\n", "page\n"]);
    } finally {
      child.kill();
      await child.exited;
    }
  }
  await kubectl("delete", "pod", "page", "--wait=false");
});

test(conformance("[sig-cli] Kubectl logs logs should be able to retrieve and filter logs [Conformance]"), async () => {
  await fed(
    pod("talks", IMAGE, ["sh", "-c", "for i in 1 2 3 4 5; do echo line $i; done; exec sleep 1000"]),
    "apply",
    "-f",
    "-",
  );
  await kubectl("wait", "--for=condition=Ready", "pod/talks", "--timeout=60s");
  await until("the last line is there", async () => (await kubectl("logs", "talks")).includes("line 5"));
  expect(await kubectl("logs", "talks")).toBe("line 1\nline 2\nline 3\nline 4\nline 5\n");
  expect(await kubectl("logs", "talks", "--tail=1")).toBe("line 5\n");
  expect((await kubectl("logs", "talks", "--limit-bytes=1")).length).toBe(1);
  const stamped = (await kubectl("logs", "talks", "--tail=1", "--timestamps")).trimEnd().split("\n");
  expect(stamped).toHaveLength(1);
  expect(stamped[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) line 5$/);
  const last = Date.parse(stamped[0]!.split(" ")[0]!);
  await until("the lines are older than a second", async () => Date.now() - last > 1500);
  expect(await kubectl("logs", "talks", "--since=1s")).toBe("");
  expect((await kubectl("logs", "talks", "--since=24h")).split("\n")).toHaveLength(6);
  await kubectl("delete", "pod", "talks", "shell", "--wait=false");
});

/** Answers every request with its method and path; for one connection. */
const ECHO = String.raw`
read method path rest
length=0
while read line; do
  line=$(echo "$line" | tr -d '\r')
  [ -n "$line" ] || break
  case "$line" in [Cc]ontent-[Ll]ength:*) length=$(echo "$line" | cut -d: -f2 | tr -d ' ');; esac
done
head -c "$length" >/dev/null
text="$method $path"
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %s\r\nConnection: close\r\n\r\n' "$(printf %s "$text" | wc -c)"
[ "$method" = HEAD ] || printf %s "$text"
`;

async function expectProxied(path: string, target: string): Promise<void> {
  for (const method of ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "POST", "PUT"]) {
    const body = ["PATCH", "POST", "PUT"].includes(method) ? "{}" : undefined;
    const answer = await cluster.api(method, `/api/v1/namespaces/default/${path}`, body);
    const expected = method === "HEAD" ? "" : `${method} ${target}`;
    expect({ path, method, ...answer }).toMatchObject({ path, method, status: 200, body: expected });
  }
}

test("HTTP goes through the API server to a pod and to a service", async () => {
  const script = `cat >/echo <<'END'${ECHO}END\nexec nc -ll -p 8080 -e sh /echo`;
  await fed(pod("echo", IMAGE, ["sh", "-c", script]), "apply", "-f", "-");
  await kubectl("expose", "pod", "echo", "--port=80", "--target-port=8080", "--name=echo");
  await kubectl("wait", "--for=condition=Ready", "pod/echo", "--timeout=60s");
  await untilThere("the service leads to the pod", "endpoints/echo", (found) => portsOf(found).join() === "8080");
});

test(
  conformance(
    "[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service Proxy [Conformance]",
  ),
  async () => {
    await expectProxied("pods/echo:8080/proxy?method=x", "/?method=x");
    await expectProxied("services/echo:80/proxy?method=x", "/?method=x");
  },
);

test(
  conformance(
    "[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service ProxyWithPath [Conformance]",
  ),
  async () => {
    await expectProxied("pods/http:echo:8080/proxy/some/path/with/x%20y", "/some/path/with/x%20y");
    await expectProxied("services/http:echo:80/proxy/some/path/with/POST", "/some/path/with/POST");
  },
);

test(conformance("[sig-network] Proxy version v1 should proxy through a service and a pod [Conformance]"), async () => {
  const named = [{ op: "add", path: "/spec/ports/0/name", value: "web" }];
  const service = "/api/v1/namespaces/default/services/echo";
  expect((await cluster.api("PATCH", service, named, "application/json-patch+json")).status).toBe(200);
  const byName = ["services/echo:web/proxy/a", "services/http:echo:web/proxy/a"];
  await until("the named port leads there", async () => {
    const { status } = await cluster.api("GET", `/api/v1/namespaces/default/${byName[0]}`);
    return status === 200;
  });
  for (const path of ["services/echo/proxy/a", "services/echo:80/proxy/a", ...byName, "pods/echo:8080/proxy/a"]) {
    const answer = await cluster.api("GET", `/api/v1/namespaces/default/${path}`);
    expect({ path, ...answer }).toMatchObject({ path, status: 200, body: "GET /a" });
  }
  const nobody = await cluster.api("GET", "/api/v1/namespaces/default/services/echo:81/proxy/");
  expect(nobody).toMatchObject({ status: 503, body: { reason: "ServiceUnavailable" } });
  await kubectl("delete", "pod/echo", "service/echo", "--wait=false");
});

test(
  conformance("[sig-cli] Kubectl client Proxy server should support proxy with --port 0 [Conformance]"),
  async () => {
    const child = spawn(["proxy", "--port=0", "--disable-filter=true"]);
    try {
      const port = /127\.0\.0\.1:(\d+)/.exec(await firstOutput(child))?.[1];
      const answer = (await (await fetch(`http://127.0.0.1:${port}/api/`)).json()) as { versions: string[] };
      expect(answer.versions).toEqual(["v1"]);
    } finally {
      child.kill();
      await child.exited;
    }
  },
);

test(
  conformance("[sig-cli] Kubectl client Proxy server should support --unix-socket=/path [Conformance]"),
  async () => {
    const unix = join(cluster.daemon.root, "proxy.sock");
    const child = spawn(["proxy", `--unix-socket=${unix}`]);
    try {
      await firstOutput(child);
      const answer = (await (await fetch("http://localhost/api/", { unix })).json()) as { versions: string[] };
      expect(answer.versions).toEqual(["v1"]);
    } finally {
      child.kill();
      await child.exited;
    }
  },
);

test("the JavaScript client watches, informs, executes and forwards", async () => {
  const script = "mkdir /w; echo page >/w/index.html; exec httpd -f -p 8080 -h /w";
  await fed(pod("js", IMAGE, ["sh", "-c", script]), "apply", "-f", "-");
  await kubectl("wait", "--for=condition=Ready", "pod/js", "--timeout=60s");
  const client = join(PROJECT, "test/support/kubernetes-client-node.mjs");
  const { code, stdout, stderr } = await run(["node", client, "js"], { env: { KUBECONFIG: cluster.kubeconfig } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({
    watched: ["ADDED one", "MODIFIED one", "DELETED one"],
    informed: ["add one", "update one", "delete one"],
    out: "fed\n",
    err: "bad\n",
    exit: { status: "Failure", reason: "NonZeroExitCode" },
    page: "page\n",
  });
  await kubectl("delete", "pod", "js", "--wait=false");
});

test("top shows usage with no add-on", async () => {
  await fed(pod("busy", IMAGE, ["sh", "-c", "while :; do :; done"]), "apply", "-f", "-");
  await kubectl("wait", "--for=condition=Ready", "pod/busy", "--timeout=60s");
  const used = async () =>
    Number(/busy +(\d+)m/.exec((await cluster.kubectl(["top", "pod", "busy"])).stdout)?.[1] ?? 0);
  await until("the pod uses the processor", async () => (await used()) > 20);
  expect(await kubectl("top", "node")).toMatch(/^node-a +\d+m +\d+% +\d+Mi +\d+%/m);
  await kubectl("delete", "pod", "busy", "--wait=false");
});

test("naru kubeconfig merges, under a name, and keeps what is there", async () => {
  const folder = join(cluster.daemon.root, "home");
  await mkdir(folder, { recursive: true });
  const path = join(folder, "config");
  const other = { name: "other", cluster: { server: "https://192.0.2.9:6443" } };
  await writeFile(
    path,
    JSON.stringify({ apiVersion: "v1", kind: "Config", clusters: [other], users: [], contexts: [] }),
  );
  const merged = await cluster.daemon.naru(["kubeconfig", "--merge", "--name", "mine"], { env: { KUBECONFIG: path } });
  expect(merged).toEqual({ code: 0, stdout: `context "mine" is the current one in ${path}\n`, stderr: "" });
  const asked = await withEnvironment({}, ["--kubeconfig", path, "config", "get-clusters"]);
  expect(asked.stdout.split("\n").filter(Boolean).sort()).toEqual(["NAME", "mine", "other"]);
  expect((await withEnvironment({}, ["--kubeconfig", path, "get", "nodes", "-o", "name"])).stdout).toBe(
    "node/node-a\n",
  );
});

test("naru cluster status, stop and start: objects stay, pods come back", async () => {
  await kubectl("create", "configmap", "kept", "--from-literal=a=b");
  expect((await cluster.daemon.naru(["cluster", "status"])).stdout).toMatch(/^State: +running since/);
  expect(await cluster.daemon.naru(["cluster", "stop", "--time", "0"])).toEqual({
    code: 0,
    stdout: "cluster stopped\n",
    stderr: "",
  });
  expect(await cluster.daemon.naru(["cluster", "status"])).toMatchObject({ code: 3 });
  expect((await cluster.daemon.naru(["kubeconfig"])).stderr).toContain("no cluster runs in this daemon");
  expect((await cluster.daemon.naru(["ps", "-aq"])).stdout).toBe("");
  const started = await cluster.daemon.naru(["cluster", "start"]);
  expect(started).toMatchObject({ code: 0, stdout: expect.stringMatching(/^cluster at https:.*ready: node-a/) });
  const config = join(cluster.daemon.root, "again");
  await writeFile(config, (await cluster.daemon.naru(["kubeconfig"])).stdout);
  const found = await withEnvironment({}, [
    "--kubeconfig",
    config,
    "get",
    "configmap",
    "kept",
    "-o",
    "jsonpath={.data.a}",
  ]);
  expect(found.stdout).toBe("b");
});

function spawn(words: string[], env: Record<string, string> = {}) {
  return Bun.spawn([KUBECTL, "--kubeconfig", cluster.kubeconfig, ...words], {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, HOME: cluster.daemon.root, ...env },
  });
}

async function firstOutput(child: ReturnType<typeof spawn>): Promise<string> {
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value);
}

async function withEnvironment(env: Record<string, string>, words: string[], input?: string) {
  const child = Bun.spawn([KUBECTL, "--kubeconfig", cluster.kubeconfig, ...words], {
    stdin: input === undefined ? "ignore" : new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
    timeout: 30_000 * PATIENCE,
    env: { ...process.env, HOME: cluster.daemon.root, ...env },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}
