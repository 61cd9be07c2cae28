/** Which logins of which secrets are shown to which registry. */

import { expect, test } from "bun:test";
import { pullCredentials } from "../../../../src/kube/node/pull-secrets.ts";
import type { Pod, PodSpec } from "../../../../src/model/kubernetes/core.ts";
import { SECRETS, SERVICE_ACCOUNTS } from "../../../../src/model/kubernetes/names.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";
import { createTestCluster } from "../../../support/test-cluster.ts";

const auth = (user: string) => ({ auth: btoa(`${user}:pass:word`) });

test("secrets of the pod, else of its account; only those that fit the registry", async () => {
  await using cluster = await createTestCluster();
  const { client } = cluster;
  const secret = (name: string, auths: object) =>
    client.resource(SECRETS).create("default", {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name, namespace: "default" },
      type: "kubernetes.io/dockerconfigjson",
      data: { ".dockerconfigjson": btoa(JSON.stringify({ auths })) },
    });
  await secret("own", {
    "https://reg.example:5000/v2/": auth("one"),
    "*.wild.example": auth("wild"),
    "reg.example:5000/team": auth("team"),
  });
  await secret("hub", { "https://index.docker.io/v1/": { username: "hub", password: "x" } });
  await secret("broken", {});
  await client.resource(SECRETS).create("default", {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "garbage", namespace: "default" },
    data: { ".dockerconfigjson": btoa("not json") },
  });
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "default" } };
  await client.resource(SERVICE_ACCOUNTS).create("default", { ...account, imagePullSecrets: [{ name: "hub" }] });
  const users = async (image: string, ...secrets: string[]) => {
    const spec: PodSpec = { containers: [], imagePullSecrets: secrets.map((name) => ({ name })) };
    const metadata = { name: "p", namespace: "default", uid: "u", resourceVersion: "1", creationTimestamp: "" };
    const pod: Stored<Pod> = { apiVersion: "v1", kind: "Pod", metadata, spec };
    return (await pullCredentials(client, pod, image)).map(({ username, password }) => `${username} ${password}`);
  };
  const fit: [string, string[], string[]][] = [
    ["reg.example:5000/app:1", ["own"], ["one pass:word"]],
    ["reg.example:5000/team/app:1", ["own"], ["one pass:word", "team pass:word"]],
    ["a.wild.example/app", ["own"], ["wild pass:word"]],
    ["a.b.wild.example/app", ["own"], []],
    ["busybox", ["own"], []],
    ["busybox", [], ["hub x"]],
    ["reg.example:5000/app:1", ["missing", "broken", "garbage", "own"], ["one pass:word"]],
  ];
  for (const [image, secrets, expected] of fit) expect(await users(image, ...secrets)).toEqual(expected);
});
