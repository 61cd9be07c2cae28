/**
 * The commands of `naru kubectl` that explain, edit, compare, build and debug, beside the real kubectl on one cluster.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseAllDocuments } from "yaml";
import { sortedJsonText } from "../../src/cli/kubectl/json-text.ts";
import type { TestClusterDaemon } from "../support/cluster.ts";
import { DOCKER, eventually, run } from "../support/daemon.ts";
import { type NaruKubectl, startNaruKubectl } from "../support/naru-kubectl.ts";

const TYPES = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { plural: widgets, singular: widget, kind: Widget, shortNames: [wd] }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          description: A widget is a thing that turns, and its description is so long that it has to be wrapped over two lines of the terminal.
          required: [spec]
          properties:
            spec:
              type: object
              description: "What is wanted.\\n\\nMore:\\n- one\\n- two"
              required: [size]
              properties:
                size: { type: integer, description: How large. }
                colour: { type: string, enum: [red, green, blue, black, ""], description: Its colour }
                tags: { type: object, additionalProperties: { type: string } }
                parts: { type: array, description: The parts., items: { type: object, description: One part, properties: { name: { type: string } }, required: [name] } }
                port: { x-kubernetes-int-or-string: true }
`;
const OBJECTS = `apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: tools, labels: { app: web } }
data:
  colour: green
  number: "1"
  tabs: "a\\tb"
  text: "first\\n# not a comment\\nlast\\n"
  long: "word: word word word word word word word word word word word word word word word word word word word word"
---
apiVersion: v1
kind: Secret
metadata: { name: hidden, namespace: tools }
stringData: { key: value }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: tools }
spec:
  paused: true
  replicas: 0
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: c, image: "busybox-test:1", env: [{ name: A, value: "1" }] }] }
---
apiVersion: example.com/v1
kind: Widget
metadata: { name: w, namespace: tools }
spec: { size: 1, parts: [{ name: a }, { name: b }] }
`;
const POD = `apiVersion: v1
kind: Pod
metadata: { name: quiet, namespace: tools, labels: { app: quiet } }
spec:
  terminationGracePeriodSeconds: 0
  containers: [{ name: c, image: "busybox-test:1", command: [sh, -c, "sleep 1000"], readinessProbe: { exec: { command: ["true"] } } }]
`;
let cluster: TestClusterDaemon;
let link: NaruKubectl;
let real: string;
const n = ["-n", "tools"];
const file = (name: string) => join(cluster.daemon.root, name);
const untilReady = () => link.ok("wait", "--for=condition=Ready", "pod/quiet", ...n, "--timeout=60s");

beforeAll(async () => {
  ({ cluster, link } = await startNaruKubectl("busybox-test:1"));
  real = join(dirname(DOCKER), "kubectl");
  await Promise.all([
    Bun.write(file("objects.yaml"), OBJECTS),
    Bun.write(
      file("changed.yaml"),
      OBJECTS.replace("green", "red").replace("value }", "other }").replace("name: web, n", "name: new, n"),
    ),
    Bun.write(file("pod.yaml"), POD),
  ]);
  await link.ok("create", "namespace", "tools");
  expect((await link.run(["apply", "-f", "-"], TYPES)).stderr).toBe("");
  await link.ok("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=60s");
  expect(await link.ok("apply", "-f", file("objects.yaml"), "-f", file("pod.yaml"))).toContain(
    "widget.example.com/w created",
  );
  // Nothing more happens to it then: its events are all told.
  await untilReady();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
/** What differs from run to run. */
const steady = (text: string): string =>
  text
    .replaceAll(/(LIVE|MERGED)-\w+/g, "$1")
    .replaceAll(/(kubectl-edit-)\w+/g, "$1")
    .replaceAll(/debugger-\w{5}\b/g, "debugger-X")
    .replaceAll(
      /"?(uid|resourceVersion|creationTimestamp|last\w+Time|time|\w*[gG]eneration|\S+\/revision)"?: .*/g,
      "$1: X",
    )
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000/g, "TIME")
    .replaceAll(/\b\d+[ms](\d+s)?( \(x\d+ over \w+\))?/g, "AGE")
    .replaceAll(/ +/g, " ");
const shown = ({ code, stdout, stderr }: Answer) => [code, steady(stdout), steady(stderr)];

const call = (program: string, words: readonly string[], env: Record<string, string> = {}): Promise<Answer> =>
  run([program, ...words], {
    env: { HOME: cluster.daemon.root, TMPDIR: cluster.daemon.root, KUBECONFIG: cluster.kubeconfig, ...env },
  });

/** Both print the same; for commands that change nothing. */
async function same(words: readonly string[], env?: Record<string, string>): Promise<Answer> {
  const [own, other] = await Promise.all([call(link.path, words, env), call(real, words, env)]);
  expect(shown(own)).toEqual(shown(other));
  return own;
}

const PLACES = [
  "/api/v1/namespaces/tools/configmaps/settings",
  "/apis/apps/v1/namespaces/tools/deployments/web",
  "/apis/example.com/v1/namespaces/tools/widgets/w",
];

// biome-ignore lint/suspicious/noExplicitAny: whatever object the API answers
type Json = any;

/** What clients made of an object: without its status and who wrote that when, which controllers do meanwhile. */
function written({ status: _, ...object }: Json): string {
  const { managedFields = [] } = object.metadata;
  const fields = managedFields.filter(({ subresource }: Json) => subresource !== "status").map(sortedJsonText);
  return steady(sortedJsonText({ ...object, metadata: { ...object.metadata, managedFields: undefined } })).concat(
    ...fields.map(steady).sort(),
  );
}

/** Both print and do the same, each on what `prepare` makes; what they do is seen at `places`. */
async function sameInTurn(
  prepare: () => Promise<unknown>,
  words: readonly string[],
  env?: Record<string, string>,
  places: readonly string[] = PLACES,
) {
  const seen: unknown[] = [];
  for (const program of [real, link.path]) {
    await prepare();
    const answer = await call(program, words, env);
    const left = await Promise.all(places.map((place) => cluster.api("GET", place)));
    seen.push([...shown(answer), ...left.map(({ body }) => written(body))]);
  }
  expect(seen[1]).toEqual(seen[0]);
}

test.each([
  ["explain", "widgets"],
  ["explain", "widgets", "--recursive"],
  ["explain", "wd.spec"],
  ["explain", "wd.spec.colour"],
  ["explain", "wd.spec.parts"],
  ["explain", "wd.spec.nope"],
  ["explain", "wd.spec", "-o", "plaintext-openapiv2"],
  ["explain", "pods.spec.containers", "--recursive"],
  ["explain", "crd", "--recursive"],
  ["explain", "deployments.apps.spec.strategy"],
  ["explain", "pods", "--api-version=apps/v1"],
  ["explain", "nope"],
  ["explain"],
  ["events", ...n, "--for", "pod/quiet", "--types=Normal"],
  ["events", ...n, "--for", "pod/nope"],
  ["events", "--types=odd"],
  ["get", "configmap", "settings", ...n, "-o", "yaml"],
  ["apply", "view-last-applied", "widget/w", ...n],
  ["apply", "set-last-applied", "-f", "nope.yaml"],
  ["certificate", "approve"],
  ["certificate", "approve", "nope"],
  ["auth", "reconcile"],
  ["completion"],
  ["completion", "tcsh"],
  ["alpha"],
  ["proxy", "-p", "99999"],
  ["debug", "quiet"],
  ["debug", "quiet", "--image=x", "--same-node"],
  ["debug", "quiet", "--image=x", "--profile=odd"],
  ["debug", "deploy/web", ...n, "--image=x", "--profile=general"],
  ["diff"],
  ["edit"],
  ["kustomize", "nope"],
])("%s %s %s %s %s %s", async (...words) => {
  await same(words);
});

test("diff shows what apply would change, and its exit code says whether", async () => {
  const changed = ["-f", file("changed.yaml")];
  expect((await same(["diff", ...changed])).code).toBe(1);
  expect((await same(["diff", "-f", file("objects.yaml")])).code).toBe(0);
  expect((await same(["diff", ...changed, "--server-side", "--force-conflicts"])).code).toBe(1);
  const pruned = await same([
    "diff",
    ...changed,
    ...n,
    "-l",
    "app=web",
    "--prune",
    "--prune-allowlist=core/v1/ConfigMap",
  ]);
  expect(pruned.code).toBe(1);
  expect((await same(["diff", ...changed], { KUBECTL_EXTERNAL_DIFF: "nothing-of-this-name" })).code).toBe(2);
  const masked = (await same(["diff", ...changed])).stdout;
  expect(masked).toContain("+  key: '*** (after)'");
});

/** An editor that changes the file by a program of sed, once. */
const sed = (program: string) => ({ KUBE_EDITOR: `sh -c 'grep -q "was not valid" "$0" || sed -i "${program}" "$0"'` });
const renew = () =>
  Promise.all(
    PLACES.map(async (place) => {
      const [, name] = /(\w+)$/.exec(place)!;
      const wanted = parseAllDocuments(OBJECTS)
        .map((document) => document.toJS())
        .find(({ kind, metadata }) => metadata.name === name && kind !== "Secret");
      const put = async () => {
        const { metadata } = (await cluster.api("GET", place)).body;
        const { annotations, labels = {} } = metadata;
        const body = { ...wanted, metadata: { ...metadata, annotations, labels } };
        return (await cluster.api("PUT", place, body)).status;
      };
      let status = await put();
      // A controller may have written its status meanwhile.
      while (status === 409) status = await put();
      expect(status).toBe(200);
    }),
  );

test.each<[string[], string]>([
  [["edit", "configmap", "settings", ...n], "s/green/blue/"],
  [["edit", "configmap/settings", "deployment/web", ...n, "-o", "json"], "s/green/blue/"],
  [["edit", "configmap", "settings", ...n], "s/nothing/x/"],
  [["edit", "configmap", "settings", ...n], "s/^data:/dta:/"],
  [["edit", "configmap", "settings", ...n], "s/name: settings/name: other/"],
  [["edit", "deployment", "web", ...n], "s/replicas: 0/replicas: -1/"],
  [["edit", "deployment", "web", ...n, "--output-patch"], "s/name: A/name: B/"],
  [["edit", "widget", "w", ...n, "--output-patch"], "s/name: b/name: c/"],
  [["edit", "configmap", "nope", ...n], ""],
])("%p by the editor's %p", async (words, program) => {
  await sameInTurn(renew, words, sed(program));
});

test("an editor that fails changes nothing; what was applied last is edited by itself", async () => {
  await sameInTurn(renew, ["edit", "configmap", "settings", ...n], { KUBE_EDITOR: "false" });
  const apply = () => link.ok("apply", "-f", file("objects.yaml"));
  await sameInTurn(apply, ["apply", "edit-last-applied", "configmap/settings", ...n], sed("s/green/blue/"));
  await sameInTurn(apply, ["apply", "set-last-applied", "-f", file("changed.yaml"), "--dry-run=client"]);
});

const KUSTOMIZATIONS: Record<string, string> = {
  "base/kustomization.yaml": `resources: [app.yaml]
configMapGenerator: [{ name: settings, literals: [a=1, "b=two words"], files: [renamed=file.txt], envs: [vars.env] }]
secretGenerator: [{ name: hidden, literals: [pw=x] }]
`,
  "base/file.txt": "hello\nworld\n",
  "base/vars.env": "# c\nX=1\n\nY=a b\n",
  "base/app.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      serviceAccountName: runner
      volumes: [{ name: cfg, configMap: { name: settings } }]
      containers:
        - { name: c, image: "nginx:1.0", envFrom: [{ secretRef: { name: hidden } }], env: [{ name: B, value: b }], ports: [{ containerPort: 80 }] }
        - { name: d, image: "registry.example.com:5000/tool@sha256:aaaa" }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: runner }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: rb }
roleRef: { kind: ClusterRole, name: view, apiGroup: rbac.authorization.k8s.io }
subjects: [{ kind: ServiceAccount, name: runner, namespace: default }]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: hpa }
spec: { scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }, minReplicas: 1, maxReplicas: 2 }
`,
  "component/kustomization.yaml": `apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches: [{ target: { kind: Deployment }, patch: '[{"op":"add","path":"/metadata/annotations","value":{"comp":"1"}}]' }]
replacements: [{ source: { kind: Service, name: web }, targets: [{ select: { kind: Deployment }, fieldPaths: ["spec.template.spec.containers.[name=c].env.[name=B].value"] }] }]
`,
  "overlay/kustomization.yaml": `namespace: kustomized
namePrefix: p-
nameSuffix: -s
labels: [{ pairs: { l: "1" } }, { pairs: { m: "2" }, includeSelectors: true }, { pairs: { t: "3" }, includeTemplates: true }]
commonAnnotations: { note: hello }
resources: [../base]
components: [../component]
images: [{ name: nginx, newTag: "2.0" }, { name: registry.example.com:5000/tool, newName: other/tool, digest: "sha256:bbbb" }]
replicas: [{ name: web, count: 3 }]
configMapGenerator: [{ name: settings, behavior: merge, literals: [a=9, c=3] }, { name: plain, literals: [x=y], options: { disableNameSuffixHash: true } }]
patches:
  - path: patch.yaml
  - { target: { kind: Service }, patch: '[{"op":"replace","path":"/spec/ports/0/port","value":8080}]' }
`,
  "overlay/patch.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec: { template: { spec: { containers: [{ name: d, resources: { limits: { cpu: "1" } } }, { name: side, image: side }] } } }
`,
  "unknown/kustomization.yaml": "resourcs: [a]\n",
  "outside/kustomization.yaml": "resources: [../base/app.yaml]\n",
  "missing/kustomization.yaml": "resources: [nope.yaml]\n",
  "twice/kustomization.yaml": "resources: [../base, ../base]\n",
};

test("kustomizations are built as the real one builds them, and applied", async () => {
  const root = file("kustomizations");
  for (const [path, text] of Object.entries(KUSTOMIZATIONS)) await Bun.write(join(root, path), text);
  const folders = (await readdir(root)).filter((folder) => folder !== "component");
  await Promise.all(folders.map((folder) => same(["kustomize", join(root, folder)])));
  const built = (await same(["kustomize", join(root, "overlay")])).stdout;
  expect(built.split("---\n")).toHaveLength(8);
  await link.ok("create", "namespace", "kustomized");
  const overlay = ["-k", join(root, "overlay"), "-n", "kustomized"];
  expect(await link.ok("apply", ...overlay)).toContain("deployment.apps/p-web-s created\n");
  await same(["diff", ...overlay]);
  await same(["get", ...overlay, "-o", "name"]);
});

test("shells are told what may come next", async () => {
  for (const words of [
    ["ge"],
    ["get", "po"],
    ["get", "pod/"],
    ["get", "configmaps", ...n, ""],
    ["get", "pods", "--namespace="],
    ["get", "-o", ""],
    ["rollout", "status", ""],
    ["create", "secret", ""],
    ["apply", "-f", ""],
    ["config", "use-context", ""],
    ["get", "--name"],
  ]) {
    const [own, other] = await Promise.all([
      call(link.path, ["__complete", ...words]),
      call(real, ["__complete", ...words]),
    ]);
    const choices = ({ stdout }: Answer) =>
      stdout
        .split("\n")
        .map((line) => line.split("\t")[0])
        .sort();
    expect(choices(own)).toEqual(choices(other));
  }
  const script = await link.ok("completion", "bash");
  const line = "kubectl get configmaps -n tools sett";
  const asked = `${script}\nCOMP_LINE='${line}' COMP_POINT=${line.length}\n__kubectl_complete; echo "\${COMPREPLY[@]}"`;
  const answered = await run(["bash", "-c", asked], {
    env: {
      PATH: `${dirname(link.path)}:${process.env.PATH}`,
      KUBECONFIG: cluster.kubeconfig,
      HOME: cluster.daemon.root,
    },
  });
  expect([answered.stdout, answered.stderr]).toEqual(["settings\n", ""]);
});

test("a diff that is interrupted leaves no files", async () => {
  const [own, temporary, program] = [file("changed.yaml"), file("temporary"), file("until-removed")];
  await mkdir(temporary);
  await Bun.write(
    own,
    "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings, namespace: tools }\ndata: { a: b }\n",
  );
  await Bun.write(program, '#!/bin/sh\nwhile [ -d "$1" ]; do sleep 0.1; done\n');
  await run(["chmod", "+x", program]);
  const child = Bun.spawn([link.path, "--kubeconfig", cluster.kubeconfig, "diff", "-f", own], {
    env: { ...process.env, TMPDIR: temporary, KUBECTL_EXTERNAL_DIFF: program },
    stdout: "ignore",
    stderr: "ignore",
  });
  await eventually(async () => (await readdir(temporary, { recursive: true })).length === 4, 30_000);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(await readdir(temporary)).toEqual([]);
});

test("programs called kubectl-… in PATH are commands", async () => {
  const folder = file("plugins");
  await mkdir(folder, { recursive: true });
  await Bun.write(join(folder, "kubectl-say_it"), '#!/bin/sh\necho said "$@"; exit 7\n');
  await run(["chmod", "+x", join(folder, "kubectl-say_it")]);
  const env = { PATH: `${folder}:${process.env.PATH}` };
  const said = await run([link.path, "say-it", "twice", "--loud"], { env });
  expect([said.code, said.stdout]).toEqual([7, "said twice --loud\n"]);
  expect((await same(["plugin", "list"], { PATH: folder })).stdout).toBe(
    `The following compatible plugins are available:\n\n${join(folder, "kubectl-say_it")}\n`,
  );
});

test("the proxy lets requests through to the cluster, but not those of other sites", async () => {
  const child = Bun.spawn(
    [
      ...[link.path, "--kubeconfig", cluster.kubeconfig, "proxy", "--port=0", "--www", cluster.daemon.root],
      ...["--as=somebody", "--as-group=system:masters", "--as-group=others"],
    ],
    {
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  try {
    const { value } = await child.stdout.getReader().read();
    const [, place] = /^Starting to serve on (127\.0\.0\.1:\d+)\n$/.exec(new TextDecoder().decode(value)) ?? [];
    const ask = (path: string, init?: RequestInit) => fetch(`http://${place}${path}`, init);
    const { data } = (await (await ask("/api/v1/namespaces/tools/configmaps/settings")).json()) as {
      data: { number: string };
    };
    expect(data.number).toBe("1");
    const review = await ask("/apis/authentication.k8s.io/v1/selfsubjectreviews", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }),
    });
    const { status } = (await review.json()) as { status: { userInfo: { username: string; groups: string[] } } };
    expect(status.userInfo.username).toBe("somebody");
    expect(status.userInfo.groups).toContainAllValues(["system:masters", "others", "system:authenticated"]);
    expect((await ask("/version", { headers: { host: "elsewhere.example" } })).status).toBe(403);
    expect((await ask("/api/v1/namespaces/tools/pods/quiet/exec?command=id")).status).toBe(403);
    expect((await ask("/nope")).status).toBe(404);
    expect(await (await ask("/static/pod.yaml")).text()).toBe(POD);
    expect((await ask("/static/..%2f..%2fetc/passwd")).status).toBe(404);
  } finally {
    child.kill();
    await child.exited;
  }
});

test("the proxy takes the place of no file", async () => {
  const kept = file("kept");
  await Bun.write(kept, "mine");
  const { code, stderr } = await link.run(["proxy", "--unix-socket", kept]);
  expect([code, await Bun.file(kept).text()]).toEqual([1, "mine"]);
  expect(stderr).toStartWith("error: ");
});

test("a debugging container sees the pod; a copy of it is as the real one makes it", async () => {
  await untilReady();
  const words = [
    "debug",
    "quiet",
    ...n,
    "--image=busybox-test:1",
    "--profile=general",
    "-c",
    "tools",
    "-i",
    "--",
    "sh",
    "-c",
  ];
  const answer = await link.run([...words, "echo in $(hostname)"], "");
  expect([answer.code, answer.stdout]).toEqual([0, "in quiet\n"]);
  const specs: unknown[] = [];
  for (const [program, name] of [
    [real, "copied"],
    [link.path, "own-copy"],
  ] as const) {
    const copy = [
      "debug",
      "quiet",
      ...n,
      `--copy-to=${name}`,
      "--profile=netadmin",
      "--set-image=c=other:1",
      "--keep-labels",
    ];
    const made = await call(program, [
      ...copy,
      "--image=busybox-test:1",
      "-c",
      "extra",
      "--env=A=b",
      "--",
      "sleep",
      "1",
    ]);
    expect(shown(made)).toEqual([0, "", ""]);
    const pod = JSON.parse(await link.ok("get", "pod", name, ...n, "-o", "json"));
    specs.push([pod.metadata.labels, JSON.stringify(pod.spec).replaceAll(/kube-api-access-\w+/g, "token")]);
  }
  expect(specs[1]).toEqual(specs[0]);
});

test("a node is debugged in a pod that sees its files", async () => {
  await Bun.write(file("marker"), "of the node\n");
  const words = ["debug", "node/node-a", ...n, "--image=busybox-test:1", "--profile=general", "-i", "-q", "--"];
  const answer = await link.run([...words, "cat", `/host${file("marker")}`], "");
  expect([answer.code, answer.stdout]).toEqual([0, "of the node\n"]);
});

test("a cluster is dumped into the same files", async () => {
  const listed: string[][] = [];
  for (const [program, folder] of [
    [real, "dump-real"],
    [link.path, "dump-own"],
  ] as const) {
    const done = await call(program, [
      "cluster-info",
      "dump",
      "--namespaces",
      "tools",
      "--output-directory",
      file(folder),
    ]);
    expect([done.code, done.stdout]).toEqual([0, `Cluster info dumped to ${file(folder)}\n`]);
    listed.push((await readdir(file(folder), { recursive: true })).filter((path) => path.endsWith(".json")).sort());
  }
  expect(listed[1]).toEqual(listed[0]!);
  expect(listed[1]).toContain("tools/deployments.json");
});

const ROLE = (resource: string) => `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader, namespace: tools }
rules: [{ apiGroups: [""], resources: [${resource}], verbs: [get, list] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: readers, namespace: tools }
roleRef: { kind: Role, name: reader, apiGroup: rbac.authorization.k8s.io }
subjects: [{ kind: User, name: ${resource}-user, apiGroup: rbac.authorization.k8s.io }]
`;

test("roles are reconciled: what is missing is added, what is too much goes when asked", async () => {
  await Promise.all([Bun.write(file("role-1.yaml"), ROLE("pods")), Bun.write(file("role-2.yaml"), ROLE("secrets"))]);
  const renewRoles = async () => {
    await link.ok("delete", "-f", file("role-1.yaml"), "--ignore-not-found");
    await link.ok("auth", "reconcile", "-f", file("role-1.yaml"));
  };
  const rights = "/apis/rbac.authorization.k8s.io/v1/namespaces/tools";
  const [role, binding] = [`${rights}/roles/reader`, `${rights}/rolebindings/readers`];
  for (const [more, resources, users] of [
    [[], ["pods", "secrets"], ["pods-user", "secrets-user"]],
    [["--remove-extra-permissions", "--remove-extra-subjects"], ["secrets"], ["secrets-user"]],
    [["--dry-run=client"], ["pods"], ["pods-user"]],
  ] as const) {
    await sameInTurn(renewRoles, ["auth", "reconcile", "-f", file("role-2.yaml"), ...more], {}, [role, binding]);
    const { rules } = (await cluster.api("GET", role)).body;
    const { subjects } = (await cluster.api("GET", binding)).body;
    // A rule that is added is one for each of its verbs.
    expect([...new Set(rules.flatMap((rule: Json) => rule.resources))]).toEqual([...resources]);
    expect(subjects.map(({ name }: Json) => name)).toEqual([...users]);
  }
});

test("a definition and its objects may come in one file", async () => {
  const gadgets = TYPES.replaceAll("widget", "gadget").replaceAll("Widget", "Gadget").replace("[wd]", "[gd]");
  await Bun.write(
    file("gadgets.yaml"),
    `${gadgets}---\napiVersion: example.com/v1\nkind: Gadget\nmetadata: { name: g, namespace: tools }\nspec: { size: 1 }\n`,
  );
  const told = (verb: string) =>
    `customresourcedefinition.apiextensions.k8s.io/gadgets.example.com ${verb}\ngadget.example.com/g ${verb}\n`;
  expect(await link.ok("apply", "-f", file("gadgets.yaml"))).toBe(told("created"));
  expect(await link.ok("apply", "-f", file("gadgets.yaml"))).toBe(told("unchanged"));
  expect(await link.ok("get", "gd", ...n, "-o", "name")).toBe("gadget.example.com/g\n");
});

test("what left the files is pruned", async () => {
  const config = (name: string) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: tools, labels: { set: s } }\n`;
  await Bun.write(file("both.yaml"), `${config("stays")}---\n${config("goes")}`);
  await Bun.write(file("one.yaml"), config("stays"));
  await link.ok("apply", "-f", file("both.yaml"));
  expect(await link.ok("apply", "-f", file("one.yaml"), "--prune", "-l", "set=s", "--wait", ...n)).toBe(
    "configmap/stays unchanged\nconfigmap/goes pruned\n",
  );
  expect(await link.ok("get", "configmap", ...n, "-l", "set=s", "-o", "name")).toBe("configmap/stays\n");
});
