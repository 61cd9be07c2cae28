/** Service accounts in pods: their tokens, where they lie, who gets none, and how others check them. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { TestClusterDaemon } from "../support/cluster.ts";
import { ClusterPods } from "../support/cluster-pods.ts";
import { conformance } from "../support/conformance.ts";
import { eventually } from "../support/daemon.ts";

// biome-ignore lint/suspicious/noExplicitAny: whatever object the API answers
type Json = any;

const MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const ACCOUNT = "system:serviceaccount:default";

let cluster: TestClusterDaemon;
let pods: ClusterPods;
beforeAll(async () => {
  // Pods ask it too.
  pods = await ClusterPods.start(["--cluster-listen", "0.0.0.0:0"]);
  ({ cluster } = pods);
  await eventually(
    async () => (await cluster.api("GET", pods.path("serviceaccounts", "default"))).status === 200,
    30_000,
  );
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const auth = (words: string) => conformance(`[sig-auth] ServiceAccounts ${words} [Conformance]`);
async function review(token: string, audiences?: string[]): Promise<Json> {
  const { status, body } = await cluster.api("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token, audiences },
  });
  expect(status).toBe(201);
  return body.status;
}
const account = (name: string, more: object = {}) =>
  pods.make("serviceaccounts", { apiVersion: "v1", kind: "ServiceAccount", metadata: { name }, ...more });
/** What a pod said that stays there: a token ends with its pod. */
async function saidAndStayed(script: string, spec: object, container: object = {}): Promise<string> {
  const name = await pods.pod(script, spec, container);
  await pods.when(name, ({ status }) => status?.phase === "Succeeded");
  return pods.log(name);
}
const mounting = { automountServiceAccountToken: undefined };

test.concurrent(auth("should mount an API token into pods"), async () => {
  await account("mount-test");
  const reader = (name: string, file: string) => ({
    name,
    image: "busybox:test",
    command: ["cat", `${MOUNT}/${file}`],
  });
  const containers = [reader("token", "token"), reader("root-ca", "ca.crt"), reader("namespace", "namespace")];
  const name = await pods.pod("", { ...mounting, serviceAccountName: "mount-test", containers });
  const pod = await pods.when(name, ({ status }) => status?.phase === "Succeeded");
  for (const { volumeMounts } of pod.spec.containers)
    expect(volumeMounts).toContainEqual(expect.objectContaining({ mountPath: MOUNT, readOnly: true }));
  const { authenticated, user } = await review(await pods.log(name, "?container=token"));
  expect([authenticated, user.username]).toEqual([true, `${ACCOUNT}:mount-test`]);
  const { data } = (await cluster.api("GET", pods.path("configmaps", "kube-root-ca.crt"))).body;
  expect(await pods.log(name, "?container=root-ca")).toBe(data["ca.crt"]);
  expect(await pods.log(name, "?container=namespace")).toBe("default");
});

test.concurrent(auth("should mount projected service account token"), async () => {
  const serviceAccountToken = { path: "token", expirationSeconds: 3600, audience: "vault" };
  const said = await saidAndStayed(
    "cat /v/token; stat -L -c ' %A' /v/token",
    { volumes: [{ name: "v1", projected: { sources: [{ serviceAccountToken }] } }] },
    { volumeMounts: [{ name: "v1", mountPath: "/v" }] },
  );
  const [token, mode] = said.trim().split(" ");
  expect(mode).toBe("-rw-r--r--");
  expect(await review(token!, ["vault"])).toMatchObject({
    authenticated: true,
    audiences: ["vault"],
    user: { username: `${ACCOUNT}:default` },
  });
  expect((await review(token!)).authenticated ?? false).toBe(false);
});

test.concurrent(auth("should allow opting out of API token automount"), async () => {
  const wishes = [undefined, true, false];
  await Promise.all(
    wishes.map((wish) =>
      account(`automount-${wish}`, wish === undefined ? {} : { automountServiceAccountToken: wish }),
    ),
  );
  // What the pod says counts; when it says nothing, what its account says; when that says nothing too, there is a token.
  const rows = wishes.flatMap((pod) => wishes.map((its) => ({ pod, its, mounted: pod ?? its ?? true })));
  await Promise.all(
    rows.map(async ({ pod, its, mounted }) => {
      const spec = { automountServiceAccountToken: pod, serviceAccountName: `automount-${its}` };
      const said = await pods.said(`test -s ${MOUNT}/token && echo token || echo none`, spec);
      expect(`pod ${pod}, account ${its}: ${said}`).toBe(`pod ${pod}, account ${its}: ${mounted ? "token" : "none"}\n`);
    }),
  );
});

/** Asks the API from inside a pod, with the pod's token, who made that token, and verifies its signature. */
const VERIFIER = `
const read = (name) => Bun.file("${MOUNT}/" + name).text();
const [token, ca] = await Promise.all([read("token"), read("ca.crt")]);
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const get = async (path) => {
  const answer = await fetch("https://" + host + ":" + port + path, { headers: { Authorization: "Bearer " + token }, tls: { ca } });
  if (answer.status !== 200) throw new Error(path + ": " + answer.status);
  return answer.json();
};
const parts = token.split(".");
const [head, claims] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
const discovery = await get("/.well-known/openid-configuration");
const { keys } = await get(new URL(discovery.jwks_uri).pathname);
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const key = await crypto.subtle.importKey("jwk", keys.find(({ kid }) => kid === head.kid), algorithm, false, ["verify"]);
const signed = Buffer.from(parts.slice(0, 2).join("."));
console.log(JSON.stringify({
  verified: await crypto.subtle.verify(algorithm, key, Buffer.from(parts[2], "base64url"), signed),
  sameIssuer: claims.iss === discovery.issuer,
  subject: claims.sub,
  responses: discovery.response_types_supported,
  subjects: discovery.subject_types_supported,
  algorithms: discovery.id_token_signing_alg_values_supported,
}));
`;

test.concurrent(
  auth("ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer"),
  async () => {
    // A pod that verifies its own token with nothing but what is mounted there. Its program is the one that runs this test.
    const libraries = ["/lib", "/lib64", "/usr/lib"].map((path) => ({ path, at: path }));
    const shown = [...libraries.filter(({ path }) => existsSync(path)), { path: process.execPath, at: "/bun" }];
    const volumes = shown.map(({ path }, index) => ({ name: `v${index}`, hostPath: { path } }));
    const volumeMounts = shown.map(({ at }, index) => ({ name: `v${index}`, mountPath: at, readOnly: true }));
    const container = { command: ["/bun", "-e", VERIFIER], volumeMounts };
    const name = await pods.pod("", { ...mounting, volumes }, container);
    await pods.when(name, ({ status }) => ["Succeeded", "Failed"].includes(status?.phase));
    const log = await pods.log(name);
    expect(log).toStartWith("{");
    expect(JSON.parse(log)).toEqual({
      verified: true,
      sameIssuer: true,
      subject: `${ACCOUNT}:default`,
      responses: ["id_token"],
      subjects: ["public"],
      algorithms: expect.arrayContaining(["ES256"]),
    });
    await pods.remove(name);
  },
);
