import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { certificateParts } from "../../../../src/kube/certificates/certificate-parts.ts";
import { endOf } from "../../../../src/kube/certificates/cleanup-controller.ts";
import { API_CLIENT, KUBELET_CLIENT, KUBELET_SERVING, SIGNERS } from "../../../../src/kube/certificates/signers.ts";
import { Authorization } from "../../../../src/kube/server/authorization.ts";
import { certificateGuard } from "../../../../src/kube/server/certificate-guard.ts";
import { isStatus } from "../../../../src/kube/status.ts";
import { newKey, publicKeyOf, signCertificate } from "../../../../src/lib/certificate.ts";
import { readSigningRequest } from "../../../../src/lib/signing-request.ts";
import type { CertificateSigningRequest } from "../../../../src/model/kubernetes/certificates.ts";
import {
  CERTIFICATE_SIGNING_REQUESTS,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
} from "../../../../src/model/kubernetes/names.ts";
import { JANE, MANY_NAMES, MASTER, NODE_CLIENT, NODE_SERVING } from "../../../support/signing-requests.ts";
import { createTestCluster } from "../../../support/test-cluster.ts";

const CLIENT = ["digital signature", "key encipherment", "client auth"];
const SERVER = ["digital signature", "key encipherment", "server auth"];

function requestOf(name: string, text: string, signerName: string, usages = CLIENT, more: object = {}) {
  const request = Buffer.from(text).toString("base64");
  const spec = { request, signerName, usages, ...more };
  return { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name }, spec };
}

test("each signer signs what it is for", () => {
  const table: [string, string, string[], string | undefined][] = [
    [API_CLIENT, JANE, CLIENT, undefined],
    [API_CLIENT, JANE, ["digital signature"], "usages did not include client auth"],
    [API_CLIENT, JANE, [...CLIENT, "server auth"], "usages did not match"],
    [KUBELET_CLIENT, NODE_CLIENT, CLIENT, undefined],
    [KUBELET_CLIENT, JANE, CLIENT, "subject organization is not system:nodes"],
    [KUBELET_CLIENT, NODE_SERVING, CLIENT, "subject alternative names are not allowed"],
    [KUBELET_CLIENT, NODE_CLIENT, SERVER, "usages did not include client auth"],
    [KUBELET_SERVING, NODE_SERVING, SERVER, undefined],
    [KUBELET_SERVING, NODE_CLIENT, SERVER, "at least one DNS or IP subjectAltName is required"],
    [KUBELET_SERVING, MANY_NAMES, SERVER, "email and URI subject alternative names are not allowed"],
    [KUBELET_SERVING, NODE_SERVING, ["server auth"], "usages did not include digital signature"],
  ];
  for (const [signer, text, usages, words] of table) {
    const fault = SIGNERS[signer]!(readSigningRequest(text), requestOf("one", text, signer, usages).spec);
    if (words === undefined) expect([signer, fault]).toEqual([signer, undefined]);
    else expect(fault).toContain(words);
  }
});

test("requests are kept an hour after they are decided, a day while they are not, and not longer than their certificate", async () => {
  const at = "2026-01-01T00:00:00Z";
  const began = Date.parse(at);
  const hour = 3_600_000;
  const key = await newKey();
  const short = await signCertificate({
    subject: { commonName: "a" },
    publicKey: publicKeyOf(key),
    signer: { key, name: { commonName: "a" } },
    isAuthority: false,
    signsData: true,
    days: { from: new Date(began), to: new Date(began + 600_000) },
  });
  const condition = (type: string) => [{ type, status: "True", lastUpdateTime: at }];
  const table: [CertificateSigningRequest["status"], number][] = [
    [undefined, 24 * hour],
    [{ conditions: condition("Approved") }, hour],
    [{ conditions: condition("Denied") }, hour],
    [{ conditions: condition("Failed") }, hour],
    [{ conditions: condition("Noticed") }, 24 * hour],
    [{ conditions: condition("Approved"), certificate: Buffer.from(short).toString("base64") }, 600_000],
    [{ conditions: condition("Approved"), certificate: "bm9uZQ==" }, hour],
  ];
  for (const [status, ms] of table) {
    const request = { ...requestOf("one", JANE, API_CLIENT), status };
    expect(endOf({ ...request, metadata: { name: "one", creationTimestamp: at } } as never) - began).toBe(ms);
  }
});

async function open() {
  let now = Date.parse("2026-01-01T00:00:00Z");
  const cluster = await createTestCluster({ builtin: true, now: () => now });
  const authorization = new Authorization(cluster.client);
  cluster.core.admission.push(certificateGuard(authorization));
  const key = await newKey();
  const name = { commonName: "cluster" };
  const certificate = await signCertificate({
    subject: name,
    publicKey: publicKeyOf(key),
    signer: { key, name },
    isAuthority: true,
    signsData: true,
    days: 10,
    now: new Date(now),
  });
  const ending = new AbortController();
  const failures: string[] = [];
  const tools = { client: cluster.client, now: () => now, log: (message: string) => failures.push(message) };
  const parts = certificateParts(tools, { key, certificate, name }, authorization);
  const ended = parts.map((part) => part.run(ending.signal));
  const requests = cluster.client.resource(CERTIFICATE_SIGNING_REQUESTS);
  return {
    cluster,
    requests,
    authorityKey: publicKeyOf(key),
    pass: (ms: number) => {
      now += ms;
    },
    now: () => now,
    as: (user: string, ...groups: string[]) =>
      cluster.client.actingFor({ name: user, groups }, "test").resource(CERTIFICATE_SIGNING_REQUESTS),
    approve: async (name: string, type = "Approved") => {
      const found = structuredClone(await requests.get(undefined, name));
      found.status = { conditions: [{ type, status: "True", reason: "Test" }] };
      return await requests.update(found, { subresource: "approval" });
    },
    async status(name: string, holds: (status: NonNullable<CertificateSigningRequest["status"]>) => boolean) {
      for (let turn = 0; turn < 5000; turn++) {
        const { status } = await requests.get(undefined, name);
        if (status !== undefined && holds(status)) return status;
        await Bun.sleep(1);
      }
      throw new Error(`${name}: ${JSON.stringify((await requests.get(undefined, name)).status)}`);
    },
    async close() {
      ending.abort();
      await Promise.all(ended);
      expect([failures, cluster.errors]).toEqual([[], []]);
      await cluster[Symbol.asyncDispose]();
    },
  };
}

test("what is approved is signed, for as long as was asked and the authority lasts", async () => {
  const { requests, approve, status, authorityKey, now, close } = await open();
  const expiring = requestOf("hour", JANE, API_CLIENT, CLIENT, { expirationSeconds: 3600 });
  await requests.create(undefined, expiring);
  await requests.create(undefined, requestOf("long", MANY_NAMES, API_CLIENT));
  await requests.create(undefined, requestOf("wrong", NODE_CLIENT, KUBELET_SERVING, SERVER));
  await requests.create(undefined, requestOf("others", JANE, "example.com/other"));
  for (const name of ["hour", "long", "wrong", "others"]) await approve(name);
  const signed = async (name: string) => {
    const { certificate = "" } = await status(name, (one) => one.certificate !== undefined);
    return new X509Certificate(Buffer.from(certificate, "base64"));
  };
  const hour = await signed("hour");
  expect(hour.verify(authorityKey)).toBe(true);
  expect(hour.subject).toBe("O=team\nO=other\nCN=jane");
  expect(Date.parse(hour.validTo) - now()).toBe(3_600_000);
  expect(now() - Date.parse(hour.validFrom)).toBe(300_000);
  expect(Date.parse((await signed("long")).validTo) - now()).toBe(10 * 86_400_000);
  const failed = await status("wrong", ({ conditions }) => conditions?.some(({ type }) => type === "Failed") ?? false);
  expect(failed.certificate).toBeUndefined();
  expect(failed.conditions?.at(-1)).toMatchObject({ status: "True", reason: "SignerValidationFailure" });
  expect((await requests.get(undefined, "others")).status?.certificate).toBeUndefined();
  await close();
});

test("a decision stands, and is asked for by name of the signer", async () => {
  const { requests, approve, as, close, cluster } = await open();
  await requests.create(undefined, requestOf("one", JANE, API_CLIENT));
  const refused = async (action: Promise<unknown>, words: string) => {
    const error = await action.catch((failure) => failure);
    expect(isStatus(error, "Invalid", "Forbidden") && error.message).toContain(words);
  };
  const decided = structuredClone(await requests.get(undefined, "one"));
  decided.status = { conditions: [{ type: "Denied", status: "True" }] };
  const approver = as("anna", "system:authenticated");
  await refused(
    approver.update(decided, { subresource: "approval" }),
    'user not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client"',
  );
  const rules = [
    {
      apiGroups: ["certificates.k8s.io"],
      resources: ["signers"],
      verbs: ["approve"],
      resourceNames: ["kubernetes.io/*"],
    },
  ];
  const apiVersion = "rbac.authorization.k8s.io/v1";
  await cluster.client
    .resource(CLUSTER_ROLES)
    .create(undefined, { apiVersion, kind: "ClusterRole", metadata: { name: "approver" }, rules });
  await cluster.client.resource(CLUSTER_ROLE_BINDINGS).create(undefined, {
    apiVersion,
    kind: "ClusterRoleBinding",
    metadata: { name: "approver" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "approver" },
    subjects: [{ kind: "User", name: "anna" }],
  });
  const denied = await approver.update(decided, { subresource: "approval" });
  expect(denied.status?.conditions?.[0]?.lastUpdateTime).toBe("2026-01-01T00:00:00Z");
  await refused(approve("one"), 'updates may not remove a condition of type "Denied"');
  const signing = structuredClone(denied);
  signing.status = { ...signing.status, certificate: "bm9uZQ==" };
  await refused(approver.updateStatus(signing), "user not permitted to sign");
  await refused(
    as("eve").create(undefined, requestOf("two", MASTER, API_CLIENT)),
    "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed",
  );
  await refused(as("eve").create(undefined, requestOf("two", "no request", API_CLIENT)), "spec.request: Invalid value");
  await close();
});

test("nodes that may have a certificate get one without being asked about; old requests go", async () => {
  const { requests, as, status, pass, cluster, close } = await open();
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const role = "nodes";
  await cluster.client.resource(CLUSTER_ROLES).create(undefined, {
    apiVersion,
    kind: "ClusterRole",
    metadata: { name: role },
    rules: [
      {
        apiGroups: ["certificates.k8s.io"],
        resources: ["certificatesigningrequests/selfnodeclient"],
        verbs: ["create"],
      },
    ],
  });
  await cluster.client.resource(CLUSTER_ROLE_BINDINGS).create(undefined, {
    apiVersion,
    kind: "ClusterRoleBinding",
    metadata: { name: role },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ kind: "Group", name: "system:nodes" }],
  });
  const mine = requestOf("mine", NODE_CLIENT, KUBELET_CLIENT);
  await as("system:node:two", "system:nodes").create(undefined, { ...mine, metadata: { name: "not-mine" } });
  const made = await as("system:node:one", "system:nodes").create(undefined, mine);
  expect(made.spec).toMatchObject({ username: "system:node:one", groups: ["system:nodes"] });
  const signed = await status("mine", ({ certificate }) => certificate !== undefined);
  expect(signed.conditions).toMatchObject([{ type: "Approved", reason: "AutoApproved" }]);
  expect((await requests.get(undefined, "not-mine")).status?.conditions).toBeUndefined();
  pass(3_600_000);
  // A new look at the requests, as their own timers would give it.
  await requests.patch(undefined, "mine", "merge", { metadata: { labels: { seen: "again" } } });
  for (let turn = 0; turn < 5000 && (await requests.list()).items.length > 1; turn++) await Bun.sleep(1);
  expect((await requests.list()).items.map(({ metadata }) => metadata.name)).toEqual(["not-mine"]);
  await close();
});
