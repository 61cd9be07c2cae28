/** Deployments, replica sets, replication controllers, garbage collection and namespaces, as the conformance requirements tell them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startCluster, type TestClusterDaemon, type WatchedEvent } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { eventually } from "../support/daemon.ts";
import { importWorkloadImage, podSpec, Workspace, waitingSpec } from "../support/workloads.ts";

let cluster: TestClusterDaemon;
beforeAll(async () => {
  cluster = await startCluster();
  await importWorkloadImage(cluster);
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

// biome-ignore lint/suspicious/noExplicitAny: objects of the API
type Any = any;
let count = 0;
/** A test of a requirement, in a namespace of its own. */
function requirement(codename: string, run: (place: Workspace) => Promise<void>): void {
  const namespace = `workloads-${count++}`;
  test.concurrent(conformance(`${codename} [Conformance]`), async () => run(await Workspace.open(cluster, namespace)));
}

const labels = (app: string) => ({ app });
function deployment(name: string, replicas: number, spec: object = podSpec(), more: object = {}) {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels: labels(name) },
    spec: {
      replicas,
      selector: { matchLabels: labels(name) },
      template: { metadata: { labels: labels(name) }, spec },
      ...more,
    },
  };
}
function replicaSet(name: string, replicas: number, spec: object = podSpec()) {
  return { ...deployment(name, replicas, spec), kind: "ReplicaSet" };
}
function controller(name: string, replicas: number, spec: object = podSpec()) {
  return {
    apiVersion: "v1",
    kind: "ReplicationController",
    metadata: { name, labels: labels(name) },
    spec: { replicas, selector: labels(name), template: { metadata: { labels: labels(name) }, spec } },
  };
}
const pod = (name: string, app: string, spec: object = waitingSpec()) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels: labels(app) },
  spec,
});
const isDone = (replicas: number) => (object: Any) =>
  object.status?.availableReplicas === replicas &&
  object.status?.updatedReplicas === replicas &&
  object.status?.replicas === replicas &&
  object.status?.observedGeneration >= object.metadata.generation;
const image = (text: string) => ({
  spec: { template: { metadata: { annotations: { version: text } } } },
});
const ownersOf = (object: Any): string[] => (object.metadata.ownerReferences ?? []).map((each: Any) => each.uid);
const revision = (object: Any) => object.metadata.annotations["deployment.kubernetes.io/revision"];

requirement(
  "[sig-apps] Deployment RollingUpdateDeployment should delete old pods and create new ones",
  async (place) => {
    const { template, ...rest } = replicaSet("web", 1).spec;
    const adopted = await place.create("replicasets", {
      ...replicaSet("web", 1),
      metadata: {
        name: "before",
        labels: labels("web"),
        annotations: { "deployment.kubernetes.io/revision": "3546343826724305832" },
      },
      spec: { ...rest, template: { ...template, metadata: { labels: { ...labels("web"), pod: "old" } } } },
    });
    await place.until("replicasets", "before", (set) => set.status?.availableReplicas === 1);
    await place.create("deployments", deployment("web", 1));
    const done = await place.until("deployments", "web", isDone(1));
    expect(revision(done)).toBe("3546343826724305833");
    await place.untilList(
      "pods",
      (pods) => pods.length === 1 && pods[0].metadata.labels["pod-template-hash"] !== undefined,
    );
    const old = await place.get("replicasets", "before");
    expect(old.spec.replicas).toBe(0);
    expect(old.metadata.uid).toBe(adopted.metadata.uid);
    expect(ownersOf(old)).toEqual([done.metadata.uid]);
  },
);

requirement("[sig-apps] Deployment RecreateDeployment should delete old pods and create new ones", async (place) => {
  await place.create("deployments", deployment("web", 1, podSpec(), { strategy: { type: "Recreate" } }));
  await place.until("deployments", "web", isDone(1));
  const [before] = await place.list("pods");
  const since = (await place.expect(200, "GET", place.path("pods"))).metadata.resourceVersion;
  await place.patch("deployments", "web", image("two"));
  const done = await place.until("deployments", "web", isDone(1));
  expect(revision(done)).toBe("2");
  const events = await cluster.watch(`${place.path("pods")}?watch=1&resourceVersion=${since}`, (seen) =>
    seen.some(({ type, object }) => type === "ADDED" && object.metadata.uid !== before.metadata.uid),
  );
  const ended = events.findIndex(({ type, object }) => {
    const isOld = object.metadata.uid === before.metadata.uid;
    return isOld && (type === "DELETED" || object.status?.phase === "Succeeded" || object.status?.phase === "Failed");
  });
  const began = events.findIndex(({ type }) => type === "ADDED");
  expect(ended).toBeGreaterThanOrEqual(0);
  expect(ended).toBeLessThan(began);
});

requirement("[sig-apps] Deployment deployment should delete old replica sets", async (place) => {
  await place.create("replicasets", replicaSet("web", 1, podSpec()));
  await place.until("replicasets", "web", (set) => set.status?.availableReplicas === 1);
  const spec = podSpec("trap 'exit 0' TERM; sleep 999 & wait");
  await place.create("deployments", deployment("web", 1, spec, { revisionHistoryLimit: 0 }));
  await place.until("deployments", "web", isDone(1));
  await place.untilGone("replicasets", "web");
  expect((await place.list("replicasets")).length).toBe(1);
});

requirement("[sig-apps] Deployment deployment should support rollover", async (place) => {
  await place.create("replicasets", replicaSet("web", 1));
  await place.until("replicasets", "web", (set) => set.status?.availableReplicas === 1);
  const broken = podSpec();
  broken.containers[0].image = "no/such:image";
  const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
  await place.create("deployments", deployment("web", 1, broken, { strategy, minReadySeconds: 1 }));
  const stuck = await place.untilList("replicasets", (sets) =>
    sets.find((set) => set.metadata.name !== "web" && set.status?.replicas === 1),
  );
  const first = stuck.find((set) => set.metadata.name !== "web");
  const containers = podSpec("trap 'exit 0' TERM; sleep 999 & wait").containers;
  await place.patch("deployments", "web", { spec: { template: { spec: { containers } } } });
  const done = await place.until("deployments", "web", isDone(1));
  expect(revision(done)).toBe("2");
  for (const name of ["web", first.metadata.name]) {
    await place.until("replicasets", name, (set) => set.spec.replicas === 0 && set.status?.replicas === 0);
  }
});

requirement("[sig-apps] Deployment deployment should support proportional scaling", async (place) => {
  const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } };
  await place.create("deployments", deployment("web", 10, podSpec(), { strategy }));
  await place.until("deployments", "web", isDone(10));
  const broken = podSpec();
  broken.containers[0].image = "no/such:image";
  await place.patch("deployments", "web", { spec: { template: { spec: { containers: broken.containers } } } });
  const sizes = (sets: Any[]) => sets.map((set) => set.spec.replicas).sort((a, b) => a - b);
  await place.untilList("replicasets", (sets) => Bun.deepEquals(sizes(sets), [5, 8]));
  await place.until(
    "deployments",
    "web",
    (object) => object.status?.availableReplicas === 8 && object.status?.updatedReplicas === 5,
  );
  await place.patch("deployments", "web", { spec: { replicas: 30 } });
  await place.untilList("replicasets", (sets) => Bun.deepEquals(sizes(sets), [13, 20]));
  await place.delete("deployments", "web");
});

requirement("[sig-apps] Deployment Deployment should have a working scale subresource", async (place) => {
  await place.create("deployments", deployment("web", 1));
  await place.until("deployments", "web", isDone(1));
  const path = `${place.path("deployments", "web")}/scale`;
  const scale = await place.expect(200, "GET", path);
  expect(scale).toMatchObject({ kind: "Scale", spec: { replicas: 1 }, status: { replicas: 1, selector: "app=web" } });
  await place.change(path, (object) => {
    object.spec.replicas = 2;
  });
  expect((await place.get("deployments", "web")).spec.replicas).toBe(2);
  await place.expect(200, "PATCH", path, { spec: { replicas: 4 } }, "application/merge-patch+json");
  expect((await place.get("deployments", "web")).spec.replicas).toBe(4);
});

requirement("[sig-apps] Deployment should run the lifecycle of a Deployment", async (place) => {
  await place.create("deployments", deployment("web", 1));
  await place.until("deployments", "web", isDone(1));
  const since = (await place.expect(200, "GET", place.path("deployments"))).metadata.resourceVersion;
  const patched = await place.patch("deployments", "web", {
    metadata: { labels: { patched: "yes" } },
    spec: { replicas: 2 },
  });
  expect(patched.metadata.labels.patched).toBe("yes");
  await place.until("deployments", "web", isDone(2));
  expect((await place.list("deployments", "patched=yes")).length).toBe(1);
  const status = `${place.path("deployments", "web")}/status`;
  expect((await place.expect(200, "GET", status)).status.readyReplicas).toBe(2);
  const condition = { type: "StatusPatched", status: "True" };
  const patch = { status: { readyReplicas: 1, conditions: [condition] } };
  const told = await place.expect(200, "PATCH", status, patch, "application/merge-patch+json");
  expect(told.status).toMatchObject(patch.status);
  await place.until("deployments", "web", isDone(2));
  await place.change(place.path("deployments", "web"), (object) => {
    object.spec.template.metadata.annotations = { version: "two" };
  });
  await place.until("deployments", "web", isDone(2));
  await place.delete("deployments", "web");
  const events = await cluster.watch(`${place.path("deployments")}?watch=1&resourceVersion=${since}`, (seen) =>
    seen.some((event) => event.type === "DELETED"),
  );
  expect(events.filter((event) => event.type === "MODIFIED").length).toBeGreaterThan(2);
});

for (const [codename, resource, make] of [
  ["Deployment should validate Deployment Status endpoints", "deployments", deployment],
  ["ReplicaSet should validate Replicaset Status endpoints", "replicasets", replicaSet],
] as const) {
  requirement(`[sig-apps] ${codename}`, async (place) => {
    await place.create(resource, make("web", 1, waitingSpec()));
    await place.until(resource, "web", (object) => object.status?.replicas === 1);
    const status = `${place.path(resource, "web")}/status`;
    expect((await place.expect(200, "GET", status)).status.replicas).toBe(1);
    const condition = { type: "StatusUpdate", status: "True", reason: "E2E", message: "Set from e2e test" };
    const since = (await place.expect(200, "GET", place.path(resource))).metadata.resourceVersion;
    const has = (object: Any, type: string) => object.status?.conditions?.some((each: Any) => each.type === type);
    await place.change(status, (object) => {
      object.status = { ...object.status, conditions: [...(object.status?.conditions ?? []), condition] };
    });
    expect((await place.expect(200, "GET", status)).status.conditions).toContainEqual(
      expect.objectContaining(condition),
    );
    const patch = { status: { conditions: [{ type: "StatusPatched", status: "True" }] } };
    await place.expect(200, "PATCH", status, patch, "application/merge-patch+json");
    expect(has(await place.get(resource, "web"), "StatusPatched")).toBe(true);
    await cluster.watch(
      `${place.path(resource)}?watch=1&resourceVersion=${since}`,
      (seen) =>
        seen.some(({ object }) => has(object, "StatusUpdate")) &&
        seen.some(({ object }) => has(object, "StatusPatched")),
    );
  });
}

requirement("[sig-apps] ReplicaSet should serve a basic image on each replica with a public image", async (place) => {
  const serve = "mkdir -p /w && hostname >/w/index.html && exec httpd -f -p 8080 -h /w";
  await place.create("replicasets", replicaSet("web", 2, podSpec(serve)));
  await place.until("replicasets", "web", (object) => object.status?.readyReplicas === 2);
  for (const { metadata, status } of await place.list("pods", "app=web")) {
    expect(status.phase).toBe("Running");
    const isIt = async (answer: Response) => (await answer.text()).trim() === metadata.name;
    await eventually(() => fetch(`http://${status.podIP}:8080/`).then(isIt, () => false));
  }
});

requirement(
  "[sig-apps] ReplicaSet should adopt matching pods on creation and release no longer matching pods",
  async (place) => {
    const orphan = await place.create("pods", pod("orphan", "web"));
    const set = await place.create("replicasets", replicaSet("web", 1, waitingSpec()));
    await place.until("pods", "orphan", (object) => ownersOf(object).includes(set.metadata.uid));
    expect((await place.list("pods")).length).toBe(1);
    await place.patch("pods", "orphan", { metadata: { labels: labels("other") } });
    await place.until("pods", "orphan", (object) => ownersOf(object).length === 0);
    await place.untilList(
      "pods",
      (pods) => pods.length === 2 && pods.some((each) => each.metadata.uid === orphan.metadata.uid),
    );
  },
);
requirement("[sig-apps] ReplicationController should adopt matching pods on creation", async (place) => {
  await place.create("pods", pod("orphan", "web"));
  const owner = await place.create("replicationcontrollers", controller("web", 1, waitingSpec()));
  await place.until("pods", "orphan", (object) => ownersOf(object).includes(owner.metadata.uid));
});
requirement("[sig-apps] ReplicationController should release no longer matching pods", async (place) => {
  await place.create("replicationcontrollers", controller("web", 1, waitingSpec()));
  const [made] = await place.untilList("pods", (pods) => pods.length === 1);
  await place.patch("pods", made.metadata.name, { metadata: { labels: labels("other") } });
  await place.until("pods", made.metadata.name, (object) => ownersOf(object).length === 0);
});

for (const [codename, resource, make] of [
  ["ReplicaSet Replicaset should have a working scale subresource", "replicasets", replicaSet],
  ["ReplicationController should get and update a ReplicationController scale", "replicationcontrollers", controller],
] as const) {
  requirement(`[sig-apps] ${codename}`, async (place) => {
    await place.create(resource, make("web", 1));
    await place.until(resource, "web", (object) => object.status?.readyReplicas === 1);
    const path = `${place.path(resource, "web")}/scale`;
    expect((await place.expect(200, "GET", path)).spec.replicas).toBe(1);
    const changed = await place.change(path, (object) => {
      object.spec.replicas = 2;
    });
    expect(changed.spec.replicas).toBe(2);
    expect((await place.get(resource, "web")).spec.replicas).toBe(2);
    await place.expect(200, "PATCH", path, { spec: { replicas: 3 } }, "application/merge-patch+json");
    expect((await place.get(resource, "web")).spec.replicas).toBe(3);
    await place.until(resource, "web", (object) => object.status?.replicas === 3);
  });
}

requirement("[sig-apps] ReplicaSet Replace and Patch tests", async (place) => {
  await place.create("replicasets", replicaSet("web", 1));
  await place.until("replicasets", "web", (set) => set.status?.readyReplicas === 1);
  await place.change(place.path("replicasets", "web"), (set) => {
    set.spec.replicas = 2;
  });
  await place.until("replicasets", "web", (set) => set.status?.readyReplicas === 2);
  const patched = await place.patch("replicasets", "web", {
    metadata: { labels: { patched: "yes" } },
    spec: { replicas: 3 },
  });
  expect(patched).toMatchObject({ metadata: { labels: { patched: "yes" } }, spec: { replicas: 3 } });
  await place.until("replicasets", "web", (set) => set.status?.readyReplicas === 3);
});

requirement("[sig-apps] ReplicaSet should list and delete a collection of ReplicaSets", async (place) => {
  for (const name of ["one", "two"]) {
    const set = replicaSet(name, 1, waitingSpec());
    await place.create("replicasets", { ...set, metadata: { name, labels: { collection: "yes" } } });
  }
  expect((await place.list("replicasets", "collection=yes")).length).toBe(2);
  await place.expect(200, "DELETE", `${place.path("replicasets")}?labelSelector=collection%3Dyes`);
  await place.untilList("replicasets", (sets) => sets.length === 0, "collection=yes");
});

requirement("[sig-apps] ReplicationController should test the lifecycle of a ReplicationController", async (place) => {
  await place.create("replicationcontrollers", controller("web", 1));
  await place.until("replicationcontrollers", "web", (object) => object.status?.readyReplicas === 1);
  const patched = await place.patch("replicationcontrollers", "web", { metadata: { labels: { patched: "yes" } } });
  expect(patched.metadata.labels).toEqual({ app: "web", patched: "yes" });
  const status = `${place.path("replicationcontrollers", "web")}/status`;
  const condition = { type: "StatusPatched", status: "True" };
  const patch = { status: { readyReplicas: 0, conditions: [condition] } };
  const told = await place.expect(200, "PATCH", status, patch, "application/merge-patch+json");
  expect(told.status).toMatchObject(patch.status);
  await place.until("replicationcontrollers", "web", (object) => object.status?.readyReplicas === 1);
  expect(await place.expect(200, "GET", status)).toMatchObject({
    kind: "ReplicationController",
    status: { readyReplicas: 1, conditions: [condition] },
  });
  const scale = `${place.path("replicationcontrollers", "web")}/scale`;
  await place.expect(200, "PATCH", scale, { spec: { replicas: 2 } }, "application/merge-patch+json");
  await place.until("replicationcontrollers", "web", (object) => object.status?.readyReplicas === 2);
  await place.change(place.path("replicationcontrollers", "web"), (object) => {
    object.metadata.labels.updated = "yes";
  });
  expect((await place.list("replicationcontrollers", "updated=yes")).length).toBe(1);
  await place.expect(200, "DELETE", `${place.path("replicationcontrollers")}?labelSelector=updated%3Dyes`);
  await place.untilGone("replicationcontrollers", "web");
});

requirement(
  "[sig-api-machinery] Garbage collector should delete RS created by deployment when not orphaning",
  async (place) => {
    await place.create("deployments", deployment("web", 2, waitingSpec()));
    await place.untilList("pods", (pods) => pods.length === 2);
    await place.delete("deployments", "web");
    await place.untilList("replicasets", (sets) => sets.length === 0);
    await place.untilList("pods", (pods) => pods.length === 0);
  },
);
requirement(
  "[sig-api-machinery] Garbage collector should delete pods created by rc when not orphaning",
  async (place) => {
    await place.create("replicationcontrollers", controller("web", 2, waitingSpec()));
    await place.untilList("pods", (pods) => pods.length > 0);
    await place.delete("replicationcontrollers", "web");
    await place.untilList("pods", (pods) => pods.length === 0);
  },
);
requirement(
  "[sig-api-machinery] Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so [Serial]",
  async (place) => {
    await place.create("replicationcontrollers", controller("web", 10, waitingSpec()));
    await place.until("replicationcontrollers", "web", (object) => object.status?.replicas === 10);
    const since = (await place.expect(200, "GET", place.path("pods"))).metadata.resourceVersion;
    const before = await place.delete("replicationcontrollers", "web", "Foreground");
    expect(before.metadata.finalizers).toEqual(["foregroundDeletion"]);
    await place.untilGone("replicationcontrollers", "web");
    // The version of a deleted object is that of its end: versions are counted over all kinds.
    const ends = async (resource: string, count: number): Promise<number[]> => {
      const ended = (seen: readonly WatchedEvent[]) => seen.filter((event) => event.type === "DELETED");
      const path = `${place.path(resource)}?watch=1&resourceVersion=${since}`;
      const events = await cluster.watch(path, (seen) => ended(seen).length === count);
      return ended(events).map(({ object }) => Number(object.metadata.resourceVersion));
    };
    const [owner] = await ends("replicationcontrollers", 1);
    expect(Math.max(...(await ends("pods", 10)))).toBeLessThan(owner!);
  },
);
requirement(
  "[sig-api-machinery] Garbage collector should orphan pods created by rc if delete options say so [Serial]",
  async (place) => {
    await place.create("replicationcontrollers", controller("web", 10, waitingSpec()));
    await place.until("replicationcontrollers", "web", (object) => object.status?.replicas === 10);
    await place.delete("replicationcontrollers", "web", "Orphan");
    await place.untilGone("replicationcontrollers", "web");
    const left = await place.untilList("pods", (pods) => pods.every((each) => ownersOf(each).length === 0));
    expect(left.length).toBe(10);
  },
);
requirement(
  "[sig-api-machinery] Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan",
  async (place) => {
    await place.create("deployments", deployment("web", 2, waitingSpec()));
    await place.untilList("pods", (pods) => pods.length === 2);
    await place.delete("deployments", "web", "Orphan");
    await place.untilGone("deployments", "web");
    const sets = await place.untilList("replicasets", (all) => all.every((set) => ownersOf(set).length === 0));
    expect(sets.length).toBe(1);
    expect((await place.list("pods")).length).toBe(2);
  },
);
requirement(
  "[sig-api-machinery] Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted [Serial]",
  async (place) => {
    await place.create("replicationcontrollers", controller("first", 10, waitingSpec()));
    const second = await place.create("replicationcontrollers", controller("second", 0, waitingSpec()));
    const pods = await place.untilList("pods", (all) => all.length === 10);
    const reference = { apiVersion: "v1", kind: "ReplicationController", name: "second", uid: second.metadata.uid };
    for (const { metadata } of pods.slice(0, 5)) {
      await place.change(place.path("pods", metadata.name), (object) =>
        object.metadata.ownerReferences.push(reference),
      );
    }
    await place.delete("replicationcontrollers", "first", "Foreground");
    await place.untilGone("replicationcontrollers", "first");
    const left = await place.list("pods");
    expect(left.map((each) => each.metadata.name).sort()).toEqual(
      pods
        .slice(0, 5)
        .map((each) => each.metadata.name)
        .sort(),
    );
    for (const each of left) {
      expect(ownersOf(each)).toEqual([second.metadata.uid]);
      expect(each.metadata.deletionTimestamp).toBeUndefined();
    }
  },
);
requirement("[sig-api-machinery] Garbage collector should not be blocked by dependency circle", async (place) => {
  const pods = [];
  for (const name of ["pod1", "pod2", "pod3"]) pods.push(await place.create("pods", pod(name, "circle")));
  for (const [i, owner] of [2, 0, 1].entries()) {
    const { name, uid } = pods[owner].metadata;
    const ownerReferences = [{ apiVersion: "v1", kind: "Pod", name, uid, controller: true, blockOwnerDeletion: true }];
    await place.patch("pods", `pod${i + 1}`, { metadata: { ownerReferences } });
  }
  await place.delete("pods", "pod1", "Foreground");
  await place.untilList("pods", (all) => all.length === 0);
});

for (const [codename, resource, object] of [
  ["all pods are removed when a namespace is deleted", "pods", pod("one", "web")],
  [
    "all services are removed when a namespace is deleted",
    "services",
    { apiVersion: "v1", kind: "Service", metadata: { name: "one" }, spec: { ports: [{ port: 80 }] } },
  ],
] as const) {
  requirement(`[sig-api-machinery] Namespaces [Serial] should ensure that ${codename}`, async (place) => {
    await place.create(resource, object);
    const path = `/api/v1/namespaces/${place.namespace}`;
    await place.expect(200, "DELETE", path);
    while ((await cluster.api("GET", path)).status === 200) await Bun.sleep(50);
    const again = await Workspace.open(cluster, place.namespace);
    expect(await again.list(resource)).toEqual([]);
  });
}
requirement("[sig-api-machinery] Namespaces [Serial] should apply a finalizer to a Namespace", async (place) => {
  const finalize = `/api/v1/namespaces/${place.namespace}/finalize`;
  const change = async (finalizers: (present: string[]) => string[]) => {
    const object = await place.expect(200, "GET", `/api/v1/namespaces/${place.namespace}`);
    object.spec.finalizers = finalizers(object.spec.finalizers);
    return place.expect(200, "PUT", finalize, object);
  };
  const added = await change((present) => [...present, "e2e.example.com/fake"]);
  expect(added.spec.finalizers).toEqual(["kubernetes", "e2e.example.com/fake"]);
  const removed = await change((present) => present.filter((each) => each === "kubernetes"));
  expect(removed.spec.finalizers).toEqual(["kubernetes"]);
});
requirement("[sig-auth] ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace", async (place) => {
  const name = "kube-root-ca.crt";
  const first = await place.until("configmaps", name, (map) =>
    map.data?.["ca.crt"]?.startsWith("-----BEGIN CERTIFICATE-----"),
  );
  await place.delete("configmaps", name);
  await place.until(
    "configmaps",
    name,
    (map) => map.data?.["ca.crt"] === first.data["ca.crt"] && map.metadata.uid !== first.metadata.uid,
  );
  await place.patch("configmaps", name, { data: { "ca.crt": "changed" } });
  await place.until("configmaps", name, (map) => map.data?.["ca.crt"] === first.data["ca.crt"]);
});

const budget = (spec: object) => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: "web" },
  spec: { selector: { matchLabels: labels("web") }, ...spec },
});
requirement("[sig-apps] DisruptionController should observe PodDisruptionBudget status updated", async (place) => {
  await place.create("poddisruptionbudgets", budget({ minAvailable: 1 }));
  for (const name of ["a", "b", "c"]) await place.create("pods", pod(name, "web", podSpec()));
  const done = await place.until("poddisruptionbudgets", "web", (object) => object.status?.disruptionsAllowed === 2);
  expect(done.status).toMatchObject({ currentHealthy: 3, desiredHealthy: 1, expectedPods: 3 });
});
requirement(
  "[sig-apps] DisruptionController should block an eviction until the PDB is updated to allow it",
  async (place) => {
    await place.create("poddisruptionbudgets", budget({ minAvailable: 3 }));
    for (const name of ["a", "b", "c"]) await place.create("pods", pod(name, "web", podSpec()));
    await place.until("poddisruptionbudgets", "web", (object) => object.status?.currentHealthy === 3);
    const evict = () =>
      cluster.api("POST", `${place.path("pods", "a")}/eviction`, {
        apiVersion: "policy/v1",
        kind: "Eviction",
        metadata: { name: "a" },
      });
    const refused = await evict();
    expect(refused.status).toBe(429);
    expect(refused.body.details.causes[0].reason).toBe("DisruptionBudget");
    await place.patch("poddisruptionbudgets", "web", { spec: { minAvailable: 2 } });
    await place.until("poddisruptionbudgets", "web", (object) => object.status?.disruptionsAllowed === 1);
    expect((await evict()).status).toBe(201);
    await place.patch("poddisruptionbudgets", "web", { spec: { minAvailable: 3 } });
    await place.until(
      "poddisruptionbudgets",
      "web",
      (object) => object.status?.observedGeneration === object.metadata.generation,
    );
    await place.untilGone("pods", "a");
  },
);
