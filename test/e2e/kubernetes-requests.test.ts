/** How requests to the cluster's API are received: which are served first, which have to wait; what is written down of them; certificates to come with. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls, { type TLSSocket } from "node:tls";
import { parse } from "yaml";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { eventually, run } from "../support/daemon.ts";
import { JANE, MASTER, NODE_CLIENT } from "../support/signing-requests.ts";

let cluster: TestClusterDaemon;
let server: URL;
let keys: { ca: string; cert: string; key: string };

const root = await mkdtemp(join(tmpdir(), "naru-requests-"));
const AUDIT_LOG = join(root, "audit.log");
/** Config maps of one namespace whole, who may what by its metadata, the rest not at all. */
const POLICY = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
  - { level: RequestResponse, namespaces: [audited], resources: [{ group: "", resources: [configmaps] }] }
  - { level: Metadata, resources: [{ group: "", resources: [secrets] }] }
  - { level: Metadata, users: [""] }
`;

beforeAll(async () => {
  const policy = join(root, "policy.yaml");
  await Bun.write(policy, POLICY);
  cluster = await startCluster(["--cluster-audit-policy-file", policy, "--cluster-audit-log-path", AUDIT_LOG]);
  const config = parse(await Bun.file(cluster.kubeconfig).text());
  const decode = (text: string) => Buffer.from(text, "base64").toString();
  server = new URL(config.clusters[0].cluster.server);
  const { user } = config.users[0];
  keys = {
    ca: decode(config.clusters[0].cluster["certificate-authority-data"]),
    cert: decode(user["client-certificate-data"]),
    key: decode(user["client-key-data"]),
  };
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

/** A request as the administrator, or as somebody that the administrator acts for. */
async function request(path: string, headers: Record<string, string> = {}) {
  const answer = await fetch(new URL(path, server), { tls: keys, headers });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const kubectl: TestClusterDaemon["kubectlSays"] = (...asked) => cluster.kubectlSays(...asked);

/** Columns of a table as kubectl prints it, without the ages. */
const rows = (table: string) =>
  table
    .trim()
    .split("\n")
    .map((line) => line.split(/\s+/).filter((cell) => !/^\d+(ms|s|m\d*s?)$/.test(cell)));

function limitedTo(name: string, shares: number): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "List",
    items: [
      {
        apiVersion: "flowcontrol.apiserver.k8s.io/v1",
        kind: "PriorityLevelConfiguration",
        metadata: { name },
        spec: {
          type: "Limited",
          limited: {
            nominalConcurrencyShares: shares,
            borrowingLimitPercent: 0,
            limitResponse: { type: "Reject" },
          },
        },
      },
      {
        apiVersion: "flowcontrol.apiserver.k8s.io/v1",
        kind: "FlowSchema",
        metadata: { name },
        spec: {
          matchingPrecedence: 50,
          priorityLevelConfiguration: { name },
          rules: [
            {
              subjects: [{ kind: "User", user: { name } }],
              resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] }],
            },
          ],
        },
      },
    ],
  });
}

/** Begins a request whose body does not come: it is being served for as long as the connection is open. */
async function unfinished(user: string): Promise<TLSSocket> {
  const socket = tls.connect({ host: server.hostname, port: Number(server.port), ...keys, servername: "localhost" });
  await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  socket.write(
    "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
      `Impersonate-User: ${user}\r\nContent-Length: 10\r\n\r\n{`,
  );
  return socket;
}

test("every cluster has Kubernetes' flow schemas and priority levels, and each answer names its own", async () => {
  const schemas = rows(await kubectl(["get", "flowschemas"]));
  expect(schemas[0]).toEqual([
    "NAME",
    "PRIORITYLEVEL",
    "MATCHINGPRECEDENCE",
    "DISTINGUISHERMETHOD",
    "AGE",
    "MISSINGPL",
  ]);
  expect(schemas).toContainEqual(["exempt", "exempt", "1", "<none>", "False"]);
  expect(schemas).toContainEqual(["catch-all", "catch-all", "10000", "ByUser", "False"]);
  expect(schemas.length).toBe(14);
  const levels = rows(await kubectl(["get", "prioritylevelconfigurations"]));
  expect(levels).toContainEqual(["workload-low", "Limited", "100", "128", "6", "50"]);
  expect(levels.length).toBe(9);
  const uid = async (what: string) => (await kubectl(["get", what, "-o", "jsonpath={.metadata.uid}"])).trim();
  const named = { schema: "X-Kubernetes-PF-FlowSchema-UID", level: "X-Kubernetes-PF-PriorityLevel-UID" };
  for (const [headers, schema, level] of [
    [{}, "exempt", "exempt"],
    [{ "Impersonate-User": "jane" }, "global-default", "global-default"],
    [{ "Impersonate-User": "system:serviceaccount:kube-system:one" }, "kube-system-service-accounts", "workload-high"],
  ] as const) {
    const answer = await request("/api/v1/namespaces/default/pods", headers);
    expect(answer.headers.get(named.schema)).toBe(await uid(`flowschema/${schema}`));
    expect(answer.headers.get(named.level)).toBe(await uid(`prioritylevelconfiguration/${level}`));
  }
  const refused = await cluster.kubectl([
    "patch",
    "flowschema",
    "exempt",
    "--type=merge",
    "-p",
    '{"spec":{"rules":[]}}',
  ]);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("spec of 'exempt' must equal the fixed value"),
  });
  await kubectl(["delete", "flowschema", "catch-all"]);
  await kubectl(["wait", "--for=create", "flowschema/catch-all", "--timeout=20s"]);
});

test("a level without seats turns its requests away, others are served", async () => {
  await kubectl(["apply", "-f", "-"], limitedTo("jailed", 0));
  const answer = await request("/api/v1/namespaces/default/pods", { "Impersonate-User": "jailed" });
  expect(answer.status).toBe(429);
  expect(answer.headers.get("retry-after")).toBe("1");
  const uid = await kubectl(["get", "flowschema/jailed", "-o", "jsonpath={.metadata.uid}"]);
  expect(answer.headers.get("X-Kubernetes-PF-FlowSchema-UID")).toBe(uid);
  expect(JSON.parse(answer.text)).toMatchObject({ kind: "Status", reason: "TooManyRequests", code: 429 });
  const other = await request("/api/v1/namespaces/default/pods", { "Impersonate-User": "jane" });
  expect(other.status).toBe(403);
  await kubectl(["delete", "flowschema,prioritylevelconfiguration", "jailed"]);
  expect((await request("/api/v1/namespaces/default/pods", { "Impersonate-User": "jailed" })).status).toBe(403);
});

test("requests that are being served take the level's seats until they end", async () => {
  await kubectl(["apply", "-f", "-"], limitedTo("slow", 1));
  const rights = ["create", "clusterrolebinding", "slow", "--clusterrole=edit", "--user=slow"];
  await kubectl(rights);
  const status = async () =>
    (await request("/api/v1/namespaces/default/configmaps", { "Impersonate-User": "slow" })).status;
  expect(await status()).toBe(200);
  // One share of 246 of 600 seats: three.
  const sockets = [await unfinished("slow"), await unfinished("slow"), await unfinished("slow")];
  const webSockets: WebSocket[] = [];
  try {
    await eventually(async () => (await status()) === 429);
    for (const socket of sockets) socket.destroy();
    await eventually(async () => (await status()) === 200);
    // A watch has its seat only until it has begun.
    const gone = new AbortController();
    const watch = () =>
      fetch(new URL("/api/v1/namespaces/default/configmaps?watch=1", server), {
        tls: keys,
        headers: { "Impersonate-User": "slow" },
        signal: gone.signal,
      });
    const watches: Response[] = [];
    for (let count = 0; count < 5; count++) watches.push(await watch());
    expect(watches.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200]);
    expect(await status()).toBe(200);
    gone.abort();
    // Also one over a WebSocket.
    const address = new URL("/api/v1/namespaces/default/configmaps?watch=1", server);
    address.protocol = "wss:";
    const open = () => new WebSocket(address, { tls: keys, headers: { "Impersonate-User": "slow" } });
    for (let count = 0; count < 5; count++) {
      const socket = open();
      webSockets.push(socket);
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = reject;
      });
    }
    expect(await status()).toBe(200);
  } finally {
    for (const socket of sockets) socket.destroy();
    for (const socket of webSockets) socket.close();
  }
});

function signingRequest(
  name: string,
  pem: string,
  signer: string,
  usages: readonly string[],
  more: object = {},
): string {
  return JSON.stringify({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name },
    spec: { request: Buffer.from(pem).toString("base64"), signerName: `kubernetes.io/${signer}`, usages, ...more },
  });
}

const CLIENT_USAGES = ["digital signature", "key encipherment", "client auth"];
const conditionOf = async (name: string) =>
  (await kubectl(["get", "csr", name, "--no-headers"])).trim().split(/\s+/).at(-1);

test("a certificate that is asked for and approved is good for its user, as long as was asked", async () => {
  const folder = cluster.daemon.root;
  const [key, csr, certificate] = ["anna.key", "anna.csr", "anna.crt"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const made = await run(
    ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"].concat([
      "-subj",
      "/O=crew/CN=anna",
      "-keyout",
      key,
      "-out",
      csr,
    ]),
  );
  expect(made.code).toBe(0);
  const asked = signingRequest("anna", await Bun.file(csr).text(), "kube-apiserver-client", CLIENT_USAGES, {
    expirationSeconds: 1200,
  });
  await kubectl(["create", "-f", "-"], asked);
  expect(await conditionOf("anna")).toBe("Pending");
  await kubectl(["certificate", "approve", "anna"]);
  await kubectl(["wait", "--for=jsonpath={.status.certificate}", "csr/anna", "--timeout=20s"]);
  expect(await conditionOf("anna")).toBe("Approved,Issued");
  const pem = Buffer.from(
    await kubectl(["get", "csr", "anna", "-o", "jsonpath={.status.certificate}"]),
    "base64",
  ).toString();
  await Bun.write(certificate, pem);
  const { validFrom, validTo } = new X509Certificate(pem);
  expect(Date.parse(validTo) - Date.parse(validFrom)).toBe(1_500_000);
  const config = join(folder, "anna.kubeconfig");
  const as = [`--kubeconfig=${config}`];
  await Bun.write(join(folder, "ca.crt"), keys.ca);
  const cluster1 = [
    "config",
    "set-cluster",
    "c",
    `--server=${server.origin}`,
    `--certificate-authority=${join(folder, "ca.crt")}`,
  ];
  await kubectl([...as, ...cluster1]);
  await kubectl([
    ...as,
    "config",
    "set-credentials",
    "anna",
    `--client-certificate=${certificate}`,
    `--client-key=${key}`,
  ]);
  await kubectl([...as, "config", "set-context", "c", "--cluster=c", "--user=anna"]);
  await kubectl([...as, "config", "use-context", "c"]);
  const who = JSON.parse(await kubectl([...as, "auth", "whoami", "-o", "json"]));
  expect(who.status.userInfo).toMatchObject({ username: "anna", groups: ["crew", "system:authenticated"] });
  expect((await cluster.kubectl([...as, "get", "secrets"])).stderr).toContain(
    'User "anna" cannot list resource "secrets"',
  );
});

test("requests are denied, fail and are refused in words; nodes' own are approved by themselves", async () => {
  await kubectl(["create", "-f", "-"], signingRequest("jane", JANE, "kube-apiserver-client", CLIENT_USAGES));
  await kubectl(["certificate", "deny", "jane"]);
  expect(await conditionOf("jane")).toBe("Denied");
  const again = await cluster.kubectl(["certificate", "approve", "jane"]);
  expect(again.code).toBe(1);
  const usages = ["digital signature", "server auth"];
  await kubectl(["create", "-f", "-"], signingRequest("serving", JANE, "kubelet-serving", usages));
  await kubectl(["certificate", "approve", "serving"]);
  await kubectl(["wait", "--for=condition=Failed", "csr/serving", "--timeout=20s"]);
  expect(await conditionOf("serving")).toBe("Approved,Failed");
  const master = await cluster.kubectl(
    ["create", "-f", "-"],
    signingRequest("eve", MASTER, "kube-apiserver-client", CLIENT_USAGES),
  );
  expect(master.stderr).toContain("signer with system:masters group is not allowed");
  const none = await cluster.kubectl(
    ["create", "-f", "-"],
    signingRequest("none", "none", "kube-apiserver-client", CLIENT_USAGES),
  );
  expect(none.stderr).toContain("PEM block type must be CERTIFICATE REQUEST");

  const node = signingRequest("node", NODE_CLIENT, "kube-apiserver-client-kubelet", CLIENT_USAGES);
  const as = ["--as=system:bootstrap:abcdef", "--as-group=system:bootstrappers"];
  const roles = ["system:node-bootstrapper", "system:certificates.k8s.io:certificatesigningrequests:nodeclient"];
  for (const [at, role] of roles.entries()) {
    await kubectl([
      "create",
      "clusterrolebinding",
      `nodes-${at}`,
      `--clusterrole=${role}`,
      "--group=system:bootstrappers",
    ]);
  }
  await kubectl(["create", "-f", "-", ...as], node);
  await kubectl(["wait", "--for=jsonpath={.status.certificate}", "csr/node", "--timeout=20s"]);
  expect(await kubectl(["get", "csr", "node", "-o", "jsonpath={.status.conditions[0].reason} {.spec.username}"])).toBe(
    "AutoApproved system:bootstrap:abcdef",
  );
});

// biome-ignore lint/suspicious/noExplicitAny: events of the audit log
type Event = any;

/** Those of the log so far that are about one path. */
async function auditedEvents(path: string): Promise<Event[]> {
  const lines = (await Bun.file(AUDIT_LOG).text()).trim().split("\n");
  return lines.map((line) => JSON.parse(line)).filter((event) => event.requestURI.split("?", 1)[0] === path);
}

test("requests are written down as the audit policy says", async () => {
  await kubectl(["create", "namespace", "audited"]);
  await kubectl([
    "create",
    "configmap",
    "told",
    "-n",
    "audited",
    "--from-literal=a=1",
    "--as=jane",
    "--as-group=system:masters",
  ]);
  const maps = "/api/v1/namespaces/audited/configmaps";
  await eventually(async () => (await auditedEvents(maps)).length === 1, 20_000);
  const [made] = await auditedEvents(maps);
  expect(made).toMatchObject({
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level: "RequestResponse",
    stage: "ResponseComplete",
    verb: "create",
    user: { username: "kubernetes-admin", groups: ["system:masters", "system:authenticated"] },
    impersonatedUser: { username: "jane" },
    sourceIPs: ["127.0.0.1"],
    userAgent: expect.stringContaining("kubectl/"),
    objectRef: { resource: "configmaps", namespace: "audited", name: "told", apiVersion: "v1" },
    responseStatus: { code: 201 },
    requestObject: { data: { a: "1" } },
    responseObject: { data: { a: "1" }, metadata: { name: "told" } },
    annotations: { "authorization.k8s.io/decision": "allow" },
  });
  expect(made.responseObject.metadata.managedFields).toBeUndefined();
  // Every namespace gets the cluster's certificate too, sooner or later.
  const events = await cluster.watch(`${maps}?watch=1&fieldSelector=metadata.name%3Dtold`, (seen) => seen.length > 0);
  expect(events.map(({ type, object }) => [type, object.data])).toEqual([["ADDED", { a: "1" }]]);
  const watches = async () =>
    (await auditedEvents(maps)).filter(({ verb }) => verb === "watch").map(({ stage }) => stage);
  await eventually(async () => (await watches()).length === 2, 20_000);
  expect(await watches()).toEqual(["ResponseStarted", "ResponseComplete"]);

  // Of secrets nothing but that they were asked for, also by those who may not.
  const refused = await request("/api/v1/namespaces/audited/secrets", {
    "Impersonate-User": "jane",
    "Audit-ID": "given-by-client",
  });
  expect([refused.status, refused.headers.get("audit-id")]).toEqual([403, "given-by-client"]);
  const secrets = "/api/v1/namespaces/audited/secrets";
  await eventually(async () => (await auditedEvents(secrets)).length === 1, 20_000);
  const [secret] = await auditedEvents(secrets);
  expect(secret).toMatchObject({
    level: "Metadata",
    auditID: "given-by-client",
    responseStatus: { status: "Failure", reason: "Forbidden", code: 403 },
    annotations: { "authorization.k8s.io/decision": "forbid" },
  });
  expect([secret.requestObject, secret.responseObject]).toEqual([undefined, undefined]);
  // An impersonation that is refused is told with the one who tried it.
  const token = (await kubectl(["create", "token", "default"])).trim();
  const tried = await fetch(new URL(secrets, server), {
    tls: { ca: keys.ca },
    headers: { Authorization: `Bearer ${token}`, "Impersonate-User": "root" },
  });
  expect(tried.status).toBe(403);
  await eventually(async () => (await auditedEvents(secrets)).length === 2, 20_000);
  expect((await auditedEvents(secrets))[1]).toMatchObject({
    user: { username: "system:serviceaccount:default:default" },
    responseStatus: { code: 403 },
  });
  await fetch(new URL("/api/v1/pods", server), {
    tls: { ca: keys.ca },
    headers: { Authorization: "Bearer no.such.token" },
  });
  await eventually(async () => (await auditedEvents("/api/v1/pods")).length === 1, 20_000);
  const [nobody] = await auditedEvents("/api/v1/pods");
  expect(nobody).toMatchObject({ user: { username: "" }, responseStatus: { code: 401 } });
  // What no rule speaks of is not there.
  expect(await auditedEvents("/api/v1/namespaces")).toEqual([]);
});

test("an audit without its policy, or with a wrong one, is refused before anything starts", async () => {
  const { code, stderr } = await cluster.daemon.naru([
    "daemon",
    "--cluster",
    "--cluster-audit-log-path",
    "x",
    "--data-root",
    join(root, "none"),
  ]);
  expect(code).not.toBe(0);
  expect(stderr).toContain("the cluster's audit needs both");
});

test("a watch comes over a WebSocket too, with a browser's token, as objects and as rows of a table", async () => {
  await kubectl(["create", "serviceaccount", "browser"]);
  await kubectl(["create", "rolebinding", "browser", "--clusterrole=view", "--serviceaccount=default:browser"]);
  const token = (await kubectl(["create", "token", "browser"])).trim();
  const bearer = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString("base64url")}`;
  const path = "/api/v1/namespaces/default/configmaps?watch=1&fieldSelector=metadata.name%3Dseen";
  const open = (protocols: string[], headers: Record<string, string> = {}) => {
    const url = new URL(path, server);
    url.protocol = "wss:";
    const socket = new WebSocket(url, { protocols, headers, tls: { ca: keys.ca } } as never);
    const messages: Event[] = [];
    socket.onmessage = ({ data }) => void messages.push(JSON.parse(data as string));
    const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("no watch over a WebSocket"));
    return { socket, messages, opened };
  };
  const plain = open(["binary.k8s.io", bearer]);
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  const rows = open([], { Accept: accept, Authorization: `Bearer ${token}` });
  await Promise.all([plain.opened, rows.opened]);
  expect(plain.socket.protocol).toBe("binary.k8s.io");
  await kubectl(["create", "configmap", "seen", "--from-literal=a=1"]);
  await kubectl(["delete", "configmap", "seen"]);
  await eventually(() => plain.messages.length === 2 && rows.messages.length === 2, 20_000);
  expect(plain.messages.map(({ type, object }) => [type, object.data.a])).toEqual([
    ["ADDED", "1"],
    ["DELETED", "1"],
  ]);
  expect(rows.messages.map(({ object }) => [object.kind, object.rows[0].cells.slice(0, 2)])).toEqual([
    ["Table", ["seen", 1]],
    ["Table", ["seen", 1]],
  ]);
  for (const { socket } of [plain, rows]) {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    socket.onclose = () => resolve();
    socket.close();
    await closed;
  }
  const strange = open([`${bearer}x`]);
  await expect(strange.opened).rejects.toThrow("no watch over a WebSocket");
});

test("a client that would like protobuf best is answered in JSON, one that takes nothing else is told", async () => {
  const path = "/api/v1/namespaces/default/configmaps";
  // As client-go asks: with both named, and with its own content type before anything.
  for (const accept of [
    "application/vnd.kubernetes.protobuf,application/json",
    "application/vnd.kubernetes.protobuf, */*",
  ]) {
    const answer = await request(path, { Accept: accept });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  }
  const alone = await request(path, { Accept: "application/vnd.kubernetes.protobuf" });
  expect(alone.status).toBe(406);
  expect(JSON.parse(alone.text).message).toContain("only the following media types are accepted");
});

test("an audit begins and ends with a start of the cluster; its paths are meant from where the client is", async () => {
  const naru = async (...words: string[]) => {
    // Without a kubeconfig the cluster is the daemon's.
    const { code, stderr } = await cluster.daemon.naru(words, { cwd: root, env: { KUBECONFIG: join(root, "none") } });
    expect([words, code, stderr]).toEqual([words, 0, ""]);
  };
  const restarted = async (...words: string[]) => {
    await naru("cluster", "stop");
    await naru("cluster", "start", ...words);
    await naru("kubectl", "get", "secrets", "-o", "name");
  };
  await restarted("--audit-policy-file", "policy.yaml", "--audit-log-path", "second.log");
  const second = Bun.file(join(root, "second.log"));
  const told = async () => ((await second.exists()) ? (await second.text()).trim().split("\n").length : 0);
  await eventually(async () => (await told()) === 1);
  await restarted("--audit-log-path", "none");
  // A stop waits for the log's last lines.
  await naru("cluster", "stop");
  expect(await told()).toBe(1);
});
