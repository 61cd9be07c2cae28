/** Service accounts in pods: their tokens, where they lie, who gets none, and how others check them. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { parse } from "yaml";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
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
  cluster = await startCluster();
  pods = new ClusterPods(cluster);
  await pods.importImage();
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
  expect((await review(token!)).authenticated).toBeFalsy();
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

test.concurrent(
  auth("ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer"),
  async () => {
    const token = await saidAndStayed(`cat ${MOUNT}/token`, mounting);
    const [entry] = parse(await Bun.file(cluster.kubeconfig).text()).clusters;
    const ca = Buffer.from(entry.cluster["certificate-authority-data"], "base64").toString();
    // As the pod itself asks: with its own token and nothing else.
    const get = async (path: string): Promise<Json> => {
      const headers = { Authorization: `Bearer ${token}` };
      const answer = await fetch(`${entry.cluster.server}${path}`, { headers, tls: { ca } });
      expect(answer.status).toBe(200);
      return answer.json();
    };
    const parts = token.split(".");
    const [head, claims] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
    const discovery = await get("/.well-known/openid-configuration");
    expect(claims.iss).toBe(discovery.issuer);
    expect(claims.sub).toBe(`${ACCOUNT}:default`);
    expect(discovery).toMatchObject({ response_types_supported: ["id_token"], subject_types_supported: ["public"] });
    expect(discovery.id_token_signing_alg_values_supported).toContain(head.alg);
    const { keys } = await get(new URL(discovery.jwks_uri).pathname);
    const jwk = keys.find((key: Json) => key.kid === head.kid);
    const algorithm =
      head.alg === "RS256"
        ? { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }
        : { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["verify"]);
    const signature = Buffer.from(parts[2]!.trim(), "base64url");
    const verified = await crypto.subtle.verify(algorithm, key, signature, Buffer.from(parts.slice(0, 2).join(".")));
    expect(verified).toBe(true);
  },
);
