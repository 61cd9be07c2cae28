/** Jobs, cron jobs, stateful sets and daemon sets, as the conformance requirements tell them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { startCluster, type TestClusterDaemon, type WatchedEvent } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { eventually } from "../support/daemon.ts";
import { IMAGE, importWorkloadImage, podSpec, Workspace, waitingSpec } from "../support/workloads.ts";

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
  const namespace = `sets-${count++}`;
  test.concurrent(conformance(`${codename} [Conformance]`), async () => run(await Workspace.open(cluster, namespace)));
}

function job(script: string, spec: object = {}, pod: object = {}) {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "work", labels: { kind: "work" } },
    spec: { template: { spec: podSpec(script, { restartPolicy: "Never", ...pod }) }, ...spec },
  };
}
const has = (object: Any, type: string) =>
  object.status?.conditions?.find((each: Any) => each.type === type && each.status === "True");
const complete = (place: Workspace) => place.until("jobs", "work", (object) => has(object, "Complete"));
const failed = (place: Workspace) => place.until("jobs", "work", (object) => has(object, "Failed"));
const ownersOf = (object: Any): string[] => (object.metadata.ownerReferences ?? []).map((each: Any) => each.uid);
const indexOf = (pod: Any) => Number(pod.metadata.annotations["batch.kubernetes.io/job-completion-index"]);
const INDEXED = { completionMode: "Indexed", completions: 4, parallelism: 4 };
const wait = "trap 'exit 1' TERM; sleep 999 & wait";

requirement(
  "[sig-apps] Job should create pods for an Indexed job with completion indexes and specified hostname",
  async (place) => {
    await place.create(
      "jobs",
      job('[ "$(hostname)" = "work-$JOB_COMPLETION_INDEX" ]', { ...INDEXED, backoffLimit: 0 }),
    );
    const done = await complete(place);
    expect(done.status.completedIndexes).toBe("0-3");
    expect((await place.list("pods")).map(indexOf).sort()).toEqual([0, 1, 2, 3]);
  },
);
requirement(
  "[sig-apps] Job should allow to use the pod failure policy on exit code to fail the job early",
  async (place) => {
    const rules = [{ action: "FailJob", onExitCodes: { containerName: "main", operator: "In", values: [42] } }];
    const spec = { completionMode: "Indexed", completions: 4, parallelism: 2, backoffLimit: 1 };
    // One of them fails; the other would run on.
    const script = `[ "$JOB_COMPLETION_INDEX" = 0 ] && exit 42; ${wait}`;
    await place.create("jobs", job(script, { ...spec, podFailurePolicy: { rules } }));
    const condition = has(await failed(place), "Failed");
    expect(condition.reason).toBe("PodFailurePolicy");
    expect(condition.message).toContain("exit code 42");
    // Within the back-off limit, and yet nothing was tried again.
    expect((await place.list("pods")).map(indexOf).filter((index) => index !== 1)).toEqual([0]);
  },
);
requirement(
  "[sig-apps] Job should allow to use a pod failure policy to ignore failure matching on DisruptionTarget condition",
  async (place) => {
    const rules = [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] }];
    const script =
      "[ -e /marks/$JOB_COMPLETION_INDEX ] && exit 0; trap 'exit 1' TERM; touch /marks/$JOB_COMPLETION_INDEX; while :; do sleep 1 & wait $!; done";
    const volumes = [{ name: "marks", hostPath: { path: `${cluster.daemon.root}/marks`, type: "DirectoryOrCreate" } }];
    const made = job(
      script,
      { completionMode: "Indexed", completions: 2, parallelism: 2, backoffLimit: 0, podFailurePolicy: { rules } },
      { volumes },
    );
    made.spec.template.spec.containers[0].volumeMounts = [{ name: "marks", mountPath: "/marks" }];
    await place.create("jobs", made);
    const pods = await place.untilList(
      "pods",
      (all) => all.length === 2 && all.every((pod) => pod.status.phase === "Running"),
    );
    const marks = () => readdir(`${cluster.daemon.root}/marks`);
    await eventually(async () => (await marks()).length === 2, 30_000);
    const since = (await place.expect(200, "GET", place.path("pods"))).metadata.resourceVersion;
    for (const { metadata } of pods) {
      const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: metadata.name } };
      await place.expect(201, "POST", `${place.path("pods", metadata.name)}/eviction`, eviction);
    }
    const done = await complete(place);
    expect(done.status.succeeded).toBe(2);
    const uids = new Set(pods.map((pod) => pod.metadata.uid));
    const disrupted = (seen: readonly WatchedEvent[]) =>
      seen.filter(({ object }) => uids.has(object.metadata.uid) && has(object, "DisruptionTarget"));
    await cluster.watch(
      `${place.path("pods")}?watch=1&resourceVersion=${since}`,
      (seen) => new Set(disrupted(seen).map(({ object }) => object.metadata.uid)).size === 2,
    );
  },
);
requirement(
  "[sig-apps] Job should execute all indexes despite some failing when using backoffLimitPerIndex",
  async (place) => {
    const spec = { completionMode: "Indexed", completions: 2, parallelism: 2, backoffLimitPerIndex: 1 };
    await place.create("jobs", job("exit $((JOB_COMPLETION_INDEX % 2))", spec));
    const done = await failed(place);
    expect(has(done, "Failed").reason).toBe("FailedIndexes");
    expect(done.status).toMatchObject({ failedIndexes: "1", completedIndexes: "0", failed: 2, succeeded: 1 });
  },
);
requirement(
  "[sig-apps] Job should mark indexes as failed when the FailIndex action is matched in podFailurePolicy",
  async (place) => {
    const rules = [{ action: "FailIndex", onExitCodes: { operator: "In", values: [42] } }];
    const spec = {
      completionMode: "Indexed",
      completions: 2,
      parallelism: 2,
      backoffLimitPerIndex: 1,
      podFailurePolicy: { rules },
    };
    await place.create("jobs", job('[ "$JOB_COMPLETION_INDEX" = 0 ] && exit 42; exit 0', spec));
    const done = await failed(place);
    expect(done.status).toMatchObject({ failedIndexes: "0", completedIndexes: "1", failed: 1, succeeded: 1 });
  },
);
requirement(
  "[sig-apps] Job should terminate job execution when the number of failed indexes exceeds maxFailedIndexes",
  async (place) => {
    const spec = {
      completionMode: "Indexed",
      completions: 3,
      parallelism: 3,
      backoffLimitPerIndex: 0,
      maxFailedIndexes: 0,
    };
    await place.create(
      "jobs",
      job('[ "$JOB_COMPLETION_INDEX" = 0 ] && exit 1; trap "exit 0" TERM; sleep 999 & wait', spec),
    );
    const done = await failed(place);
    expect(has(done, "Failed").reason).toBe("MaxFailedIndexesExceeded");
    expect(done.status.active).toBeUndefined();
  },
);
for (const [codename, script, rules, indexes] of [
  [
    "Job with successPolicy should succeeded when all indexes succeeded",
    "exit 0",
    [{ succeededIndexes: "0-1" }],
    "0,1",
  ],
  [
    "Job with successPolicy succeededCount rule should succeeded even when some indexes remain pending",
    `[ "$JOB_COMPLETION_INDEX" = 0 ] && exit 0; ${wait}`,
    [{ succeededCount: 1 }],
    "0",
  ],
  [
    "Job with successPolicy succeededIndexes rule should succeeded even when some indexes remain pending",
    `[ "$JOB_COMPLETION_INDEX" = 1 ] && exit 0; ${wait}`,
    [{ succeededIndexes: "1" }],
    "1",
  ],
] as const) {
  requirement(`[sig-apps] ${codename}`, async (place) => {
    const spec = { completionMode: "Indexed", completions: 2, parallelism: 2, successPolicy: { rules } };
    await place.create("jobs", job(script, spec));
    const done = await complete(place);
    expect(has(done, "SuccessCriteriaMet").reason).toBe("SuccessPolicy");
    expect(done.status.completedIndexes).toBe(indexes);
  });
}
requirement(
  "[sig-apps] Job should run a job to completion when tasks sometimes fail and are locally restarted",
  async (place) => {
    const made = job(
      "[ -e /data/once ] && exit 0; touch /data/once; exit 1",
      { completions: 2, parallelism: 2 },
      { restartPolicy: "OnFailure" },
    );
    made.spec.template.spec.volumes = [{ name: "data", emptyDir: {} }];
    made.spec.template.spec.containers[0].volumeMounts = [{ name: "data", mountPath: "/data" }];
    await place.create("jobs", made);
    const done = await complete(place);
    expect(done.status.succeeded).toBe(2);
    expect((await place.list("pods")).map((pod) => pod.status.containerStatuses[0].restartCount)).toEqual([1, 1]);
  },
);
requirement("[sig-apps] Job should adopt matching orphans and release non-matching pods", async (place) => {
  const made = job("exit 0", { parallelism: 2 });
  made.spec.template.spec = { ...waitingSpec(), restartPolicy: "Never" };
  const { metadata } = await place.create("jobs", made);
  const [first] = await place.untilList("pods", (pods) => pods.length === 2);
  const orphan = await place.change(place.path("pods", first.metadata.name), (pod) => {
    pod.metadata.ownerReferences = [];
  });
  expect(ownersOf(orphan)).toEqual([]);
  await place.until("pods", first.metadata.name, (pod) => ownersOf(pod).includes(metadata.uid));
  await place.change(place.path("pods", first.metadata.name), (pod) => {
    pod.metadata.labels = { other: "yes" };
  });
  await place.until("pods", first.metadata.name, (pod) => ownersOf(pod).length === 0);
});
requirement("[sig-apps] Job should delete a job", async (place) => {
  const made = job("exit 0", { parallelism: 2 });
  made.spec.template.spec = { ...waitingSpec(), restartPolicy: "Never" };
  await place.create("jobs", made);
  await place.untilList("pods", (pods) => pods.length === 2, "job-name=work");
  await place.delete("jobs", "work", "Foreground");
  await place.untilGone("jobs", "work");
  expect(await place.list("pods")).toEqual([]);
});
requirement("[sig-apps] Job should apply changes to a job status", async (place) => {
  const made = job("exit 0", { parallelism: 1 });
  made.spec.template.spec = { ...waitingSpec(), restartPolicy: "Never" };
  await place.create("jobs", made);
  await place.until("jobs", "work", (object) => object.status?.active === 1);
  const status = `${place.path("jobs", "work")}/status`;
  const patch = { metadata: { annotations: { patchedstatus: "true" } }, status: { startTime: null } };
  const patched = await place.expect(200, "PATCH", status, patch, "application/merge-patch+json");
  expect(patched.metadata.annotations.patchedstatus).toBe("true");
  await place.change(status, (object) => {
    object.metadata.annotations.updatedstatus = "true";
  });
  expect((await place.expect(200, "GET", status)).metadata.annotations).toMatchObject({
    patchedstatus: "true",
    updatedstatus: "true",
  });
});
requirement("[sig-apps] Job should manage the lifecycle of a job", async (place) => {
  await place.create("jobs", job("exit 0", { suspend: true }));
  await place.until("jobs", "work", (object) => has(object, "Suspended"));
  expect(await place.list("pods")).toEqual([]);
  await place.patch("jobs", "work", { metadata: { labels: { patched: "yes" } } });
  await place.change(place.path("jobs", "work"), (object) => {
    object.spec.suspend = false;
    object.metadata.annotations = { updated: "true" };
  });
  const done = await complete(place);
  expect(done.metadata).toMatchObject({ labels: { patched: "yes" }, annotations: { updated: "true" } });
  const all = await place.expect(200, "GET", "/apis/batch/v1/jobs?labelSelector=patched%3Dyes");
  expect(all.items.length).toBe(1);
  await place.expect(200, "DELETE", `${place.path("jobs")}?labelSelector=patched%3Dyes&propagationPolicy=Background`);
  await place.untilGone("jobs", "work");
});
requirement("[sig-apps] CronJob should not schedule jobs when suspended [Slow]", async (place) => {
  const cron = (name: string, suspend: boolean) => ({
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name },
    spec: { schedule: "@every 1s", suspend, jobTemplate: { spec: job("exit 0").spec } },
  });
  await place.create("cronjobs", cron("asleep", true));
  await place.create("cronjobs", cron("awake", false));
  const jobs = await place.untilList("jobs", (all) => all.length > 0);
  expect(new Set(jobs.map((each) => each.metadata.ownerReferences[0].name))).toEqual(new Set(["awake"]));
  expect((await place.get("cronjobs", "asleep")).status?.lastScheduleTime).toBeUndefined();
  await place.delete("cronjobs", "awake");
});

/** "5 14 * * *": the minute that was so many minutes ago. */
function minutesAgo(minutes: number): string {
  const then = new Date(Date.now() - minutes * 60_000);
  return `${then.getUTCMinutes()} ${then.getUTCHours()} * * *`;
}
/**
 * A cron job whose time came two minutes ago and is found missed, and then, by a new schedule, one minute ago: two times without
 * waiting for the clock. Its jobs never end.
 */
async function twoTimes(place: Workspace, concurrencyPolicy: string): Promise<string> {
  const spec = { template: { spec: { ...waitingSpec(), restartPolicy: "Never" } } };
  await place.create("cronjobs", {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "tick" },
    spec: { schedule: minutesAgo(2), concurrencyPolicy, jobTemplate: { spec } },
  });
  const lastScheduleTime = `${new Date(Date.now() - 3_600_000).toISOString().slice(0, 19)}Z`;
  const status = `${place.path("cronjobs", "tick")}/status`;
  await place.expect(200, "PATCH", status, { status: { lastScheduleTime } }, "application/merge-patch+json");
  const [first] = await place.untilList("jobs", (jobs) => jobs.length === 1);
  await place.until("cronjobs", "tick", (cron) => cron.status.active?.length === 1);
  await place.patch("cronjobs", "tick", { spec: { schedule: minutesAgo(1) } });
  return first.metadata.name;
}
requirement("[sig-apps] CronJob should schedule multiple jobs concurrently", async (place) => {
  await twoTimes(place, "Allow");
  await place.until("cronjobs", "tick", (cron) => cron.status.active?.length === 2);
  const jobs = await place.list("jobs");
  expect(jobs.filter((each) => !has(each, "Complete") && !has(each, "Failed")).length).toBe(2);
});
requirement("[sig-apps] CronJob should replace jobs when ReplaceConcurrent", async (place) => {
  const first = await twoTimes(place, "Replace");
  const jobs = await place.untilList("jobs", (all) => all.length === 1 && all[0].metadata.name !== first);
  await place.until(
    "cronjobs",
    "tick",
    (cron) => cron.status.active?.length === 1 && cron.status.active[0].uid === jobs[0].metadata.uid,
  );
});
requirement("[sig-apps] CronJob should not schedule new jobs when ForbidConcurrent [Slow]", async (place) => {
  const first = await twoTimes(place, "Forbid");
  await place.untilList("events", (events) => events.some((event) => event.reason === "JobAlreadyActive"));
  expect((await place.list("jobs")).map((each) => each.metadata.name)).toEqual([first]);
  expect((await place.get("cronjobs", "tick")).status.active.length).toBe(1);
});

const labels = { app: "db" };
function statefulSet(replicas: number, spec: object = podSpec(), more: object = {}) {
  const template = { metadata: { labels }, spec };
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "db", labels },
    spec: { replicas, serviceName: "db", selector: { matchLabels: labels }, template, ...more },
  };
}
const SET = "[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic]";
const isReady = (replicas: number) => (set: Any) =>
  set.status?.readyReplicas === replicas && set.status.replicas === replicas;
const version = (text: string) => ({ spec: { template: { metadata: { annotations: { version: text } } } } });
const versions = (pods: Any[]) => pods.map((pod) => pod.metadata.annotations?.version ?? "one").join();
/** Ready only while its file is there. */
const gated = () => {
  const spec = podSpec("touch /tmp/ok; trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done");
  const exec = { command: ["test", "-e", "/tmp/ok"] };
  spec.containers[0].readinessProbe = { exec, periodSeconds: 1, failureThreshold: 1 };
  return spec;
};
async function gate(place: Workspace, pod: string, open: boolean): Promise<void> {
  const command = `${open ? "touch" : "rm -f"} /tmp/ok && echo done`;
  expect(await cluster.executed(place.path("pods", pod), "main", ["sh", "-c", command])).toBe("done\n");
}

requirement(
  `${SET} Scaling should happen in predictable order and halt if any stateful pod is unhealthy [Slow]`,
  async (place) => {
    await place.create("statefulsets", statefulSet(1, gated()));
    await place.until("statefulsets", "db", isReady(1));
    const since = (await place.expect(200, "GET", place.path("pods"))).metadata.resourceVersion;
    await gate(place, "db-0", false);
    await place.until(
      "statefulsets",
      "db",
      (set) => set.status.readyReplicas === 0 || set.status.readyReplicas === undefined,
    );
    await place.patch("statefulsets", "db", { spec: { replicas: 3 } });
    await place.until("statefulsets", "db", (set) => set.status.observedGeneration === set.metadata.generation);
    expect((await place.list("pods")).length).toBe(1);
    await gate(place, "db-0", true);
    await place.until("statefulsets", "db", isReady(3));
    const all = (open: boolean) => Promise.all(["db-0", "db-1", "db-2"].map((name) => gate(place, name, open)));
    await all(false);
    await place.until("statefulsets", "db", (set) => (set.status.readyReplicas ?? 0) === 0);
    await place.patch("statefulsets", "db", { spec: { replicas: 0 } });
    await place.until("statefulsets", "db", (set) => set.status.observedGeneration === set.metadata.generation);
    const halted = await place.list("pods");
    expect(halted.map((pod) => pod.metadata.deletionTimestamp)).toEqual([undefined, undefined, undefined]);
    await all(true);
    await place.untilList("pods", (pods) => pods.length === 0);
    const events = await cluster.watch(
      `${place.path("pods")}?watch=1&resourceVersion=${since}`,
      (seen) => seen.filter((each) => each.type === "DELETED").length === 3,
    );
    const told = (type: string) => events.filter((each) => each.type === type).map((each) => each.object.metadata.name);
    expect(told("ADDED")).toEqual(["db-1", "db-2"]);
    expect(told("DELETED")).toEqual(["db-2", "db-1", "db-0"]);
  },
);
requirement(`${SET} Burst scaling should run to completion even with unhealthy pods [Slow]`, async (place) => {
  const spec = podSpec();
  spec.containers[0].readinessProbe = { exec: { command: ["false"] }, periodSeconds: 1 };
  await place.create("statefulsets", statefulSet(1, spec, { podManagementPolicy: "Parallel" }));
  await place.until("statefulsets", "db", (set) => set.status?.replicas === 1);
  await place.patch("statefulsets", "db", { spec: { replicas: 3 } });
  await place.until("statefulsets", "db", (set) => set.status.replicas === 3);
  await place.patch("statefulsets", "db", { spec: { replicas: 0 } });
  await place.untilList("pods", (pods) => pods.length === 0);
});
requirement(`${SET} should perform rolling updates and roll backs of template modifications`, async (place) => {
  const first = await place
    .create("statefulsets", statefulSet(2))
    .then(() => place.until("statefulsets", "db", isReady(2)));
  expect(first.status.currentRevision).toBe(first.status.updateRevision);
  const since = (await place.expect(200, "GET", place.path("pods"))).metadata.resourceVersion;
  await place.patch("statefulsets", "db", version("two"));
  const isUpdated = (set: Any) =>
    isReady(2)(set) &&
    set.status.currentRevision === set.status.updateRevision &&
    set.status.observedGeneration === set.metadata.generation;
  const second = await place.until(
    "statefulsets",
    "db",
    (set) => isUpdated(set) && set.status.updateRevision !== first.status.updateRevision,
  );
  expect(versions(await place.list("pods"))).toBe("two,two");
  // One at a time: the next goes when the one before is there again, ready.
  const events = await cluster.watch(
    `${place.path("pods")}?watch=1&resourceVersion=${since}`,
    (seen) => seen.filter((each) => each.type === "ADDED").length === 2,
  );
  const steps = events.map(({ type, object }) => {
    const isNewlyReady = type === "MODIFIED" && versions([object]) === "two" && has(object, "Ready");
    return isNewlyReady ? `READY ${object.metadata.name}` : `${type} ${object.metadata.name}`;
  });
  const told = steps.filter((step, at) => !step.startsWith("MODIFIED") && steps.indexOf(step) === at);
  expect(told.slice(0, 5)).toEqual(["DELETED db-1", "ADDED db-1", "READY db-1", "DELETED db-0", "ADDED db-0"]);
  await place.patch("statefulsets", "db", { spec: { template: { metadata: { annotations: null } } } });
  const back = await place.until(
    "statefulsets",
    "db",
    (set) => isUpdated(set) && set.status.updateRevision !== second.status.updateRevision,
  );
  expect(back.status.updateRevision).toBe(first.status.updateRevision);
  expect((await place.list("controllerrevisions")).length).toBe(2);
  expect(versions(await place.list("pods"))).toBe("one,one");
});
requirement(
  `${SET} should perform canary updates and phased rolling updates of template modifications`,
  async (place) => {
    const updateStrategy = (partition: number) => ({ type: "RollingUpdate", rollingUpdate: { partition } });
    await place.create("statefulsets", statefulSet(3, podSpec(), { updateStrategy: updateStrategy(3) }));
    await place.until("statefulsets", "db", isReady(3));
    await place.patch("statefulsets", "db", version("two"));
    const pending = await place.until(
      "statefulsets",
      "db",
      (set) => set.status.updateRevision !== set.status.currentRevision,
    );
    expect(versions(await place.list("pods"))).toBe("one,one,one");
    await place.patch("statefulsets", "db", { spec: { updateStrategy: updateStrategy(2) } });
    await place.untilList("pods", (pods) => versions(pods) === "one,one,two");
    await place.until("statefulsets", "db", isReady(3));
    for (const name of ["db-0", "db-2"]) {
      const { metadata } = await place.get("pods", name);
      await place.delete("pods", name);
      await place.until("pods", name, (pod) => pod.metadata?.uid !== undefined && pod.metadata.uid !== metadata.uid);
    }
    await place.until("statefulsets", "db", isReady(3));
    expect(versions(await place.list("pods"))).toBe("one,one,two");
    await place.patch("statefulsets", "db", { spec: { updateStrategy: updateStrategy(0) } });
    await place.untilList("pods", (pods) => versions(pods) === "two,two,two");
    const done = await place.until(
      "statefulsets",
      "db",
      (set) => isReady(3)(set) && set.status.currentRevision === set.status.updateRevision,
    );
    expect(done.status.currentRevision).toBe(pending.status.updateRevision);
  },
);
requirement(`${SET} Should recreate evicted statefulset`, async (place) => {
  // One that the node rejects, for a sysctl that it allows nobody.
  const securityContext = { sysctls: [{ name: "kernel.msgmax", value: "10000" }] };
  const since = (await place.expect(200, "GET", place.path("pods"))).metadata.resourceVersion;
  await place.create("statefulsets", statefulSet(1, podSpec(undefined, { securityContext })));
  const events = await cluster.watch(
    `${place.path("pods")}?watch=1&resourceVersion=${since}`,
    (seen) => seen.filter(({ type }) => type === "ADDED").length === 2,
  );
  const gone = events.find(({ type }) => type === "DELETED")!.object;
  expect(gone).toMatchObject({ metadata: { name: "db-0" }, status: { phase: "Failed", reason: "SysctlForbidden" } });
  expect(events.at(-1)!.object).toMatchObject({ metadata: { name: "db-0" } });
  expect(events.at(-1)!.object.metadata.uid).not.toBe(gone.metadata.uid);
  await place.delete("statefulsets", "db", "Foreground");
  await place.untilGone("statefulsets", "db");
  // And one that is evicted while it runs.
  const { metadata } = await place
    .create("statefulsets", statefulSet(1))
    .then(() => place.until("pods", "db-0", (pod) => pod.status?.phase === "Running"));
  await place.expect(
    200,
    "PATCH",
    `${place.path("pods", "db-0")}/status`,
    { status: { phase: "Failed", reason: "Evicted" } },
    "application/merge-patch+json",
  );
  await place.until(
    "pods",
    "db-0",
    (pod) => pod.metadata?.uid !== undefined && pod.metadata.uid !== metadata.uid && pod.status.phase === "Running",
  );
});
requirement(`${SET} should have a working scale subresource`, async (place) => {
  await place.create("statefulsets", statefulSet(1));
  await place.until("statefulsets", "db", isReady(1));
  const path = `${place.path("statefulsets", "db")}/scale`;
  expect((await place.expect(200, "GET", path)).spec.replicas).toBe(1);
  await place.change(path, (scale) => {
    scale.spec.replicas = 2;
  });
  expect((await place.get("statefulsets", "db")).spec.replicas).toBe(2);
  await place.expect(200, "PATCH", path, { spec: { replicas: 4 } }, "application/merge-patch+json");
  expect((await place.get("statefulsets", "db")).spec.replicas).toBe(4);
});
requirement(`${SET} should list, patch and delete a collection of StatefulSets`, async (place) => {
  await place.create("statefulsets", statefulSet(1, waitingSpec()));
  expect((await place.list("statefulsets", "app=db")).length).toBe(1);
  const patched = await place.patch("statefulsets", "db", {
    metadata: { labels: { patched: "yes" } },
    spec: { replicas: 2 },
  });
  expect(patched).toMatchObject({ metadata: { labels: { patched: "yes" } }, spec: { replicas: 2 } });
  await place.expect(200, "DELETE", `${place.path("statefulsets")}?labelSelector=patched%3Dyes`);
  await place.untilList("statefulsets", (sets) => sets.length === 0);
});

const agent = { agent: "yes" };
function daemonSet(name: string, spec: object = podSpec(), more: object = {}) {
  const match = { ...agent, name };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name, labels: match },
    spec: { selector: { matchLabels: match }, template: { metadata: { labels: match }, spec }, ...more },
  };
}
const DAEMON = "[sig-apps] Daemon set [Serial]";
const runs = (count: number) => (set: Any) =>
  (set.status?.numberAvailable ?? 0) === count &&
  set.status?.desiredNumberScheduled === count &&
  set.status.observedGeneration === set.metadata.generation;

/** A node behind which nobody is: what becomes of its pods is what the test says. Only pods that tolerate it go there. */
const PRETENDED = "test.naru/pretended";
function pretendedNode(name: string) {
  const resources = { cpu: "4", memory: "4Gi", pods: "10" };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { [PRETENDED]: "yes" } },
    spec: { taints: [{ key: PRETENDED, effect: "NoSchedule" }] },
    status: { conditions: [{ type: "Ready", status: "True" }], allocatable: resources, capacity: resources },
  };
}

requirement(`${DAEMON} should run and stop simple daemon`, async (place) => {
  await place.create("daemonsets", daemonSet("simple"));
  await place.until("daemonsets", "simple", runs(1));
  const [pod] = await place.list("pods");
  await place.delete("pods", pod.metadata.name);
  await place.untilList("pods", (pods) =>
    pods.some((each) => each.metadata.uid !== pod.metadata.uid && each.status.phase === "Running"),
  );
});
requirement(`${DAEMON} should run and stop complex daemon`, async (place) => {
  const color = `test-${place.namespace}`;
  await place.create("daemonsets", daemonSet("complex", podSpec(undefined, { nodeSelector: { [color]: "blue" } })));
  await place.until("daemonsets", "complex", runs(0));
  expect(await place.list("pods")).toEqual([]);
  const [node] = (await place.expect(200, "GET", `/api/v1/nodes?labelSelector=!${PRETENDED}`)).items;
  const paint = (value: string | null) =>
    place.expect(
      200,
      "PATCH",
      `/api/v1/nodes/${node.metadata.name}`,
      { metadata: { labels: { [color]: value } } },
      "application/merge-patch+json",
    );
  await paint("blue");
  await place.until("daemonsets", "complex", runs(1));
  await paint("green");
  await place.until("daemonsets", "complex", runs(0));
  await place.untilList("pods", (pods) => pods.length === 0);
  await place.patch("daemonsets", "complex", { spec: { template: { spec: { nodeSelector: { [color]: "green" } } } } });
  await place.until("daemonsets", "complex", runs(1));
  await paint(null);
});
requirement(`${DAEMON} should retry creating failed daemon pods`, async (place) => {
  await place.create("daemonsets", daemonSet("retry"));
  await place.until("daemonsets", "retry", runs(1));
  const [pod] = await place.list("pods");
  await place.expect(
    200,
    "PATCH",
    `${place.path("pods", pod.metadata.name)}/status`,
    { status: { phase: "Failed" } },
    "application/merge-patch+json",
  );
  await place.untilGone("pods", pod.metadata.name);
  await place.untilList("pods", (pods) => pods.length === 1 && pods[0].status.phase === "Running");
});
requirement(`${DAEMON} should update pod when spec was updated and update strategy is RollingUpdate`, async (place) => {
  await place.create("daemonsets", daemonSet("rolling"));
  await place.until("daemonsets", "rolling", runs(1));
  const [first] = await place.list("controllerrevisions");
  expect(first.revision).toBe(1);
  await place.patch("daemonsets", "rolling", version("two"));
  await place.until("daemonsets", "rolling", (set) => runs(1)(set) && set.status.updatedNumberScheduled === 1);
  const revisions = await place.list("controllerrevisions");
  const latest = revisions.find((each) => each.revision === 2);
  const [pod] = await place.untilList("pods", (pods) => pods.length === 1);
  expect(versions([pod])).toBe("two");
  expect(pod.metadata.labels["controller-revision-hash"]).toBe(
    latest.metadata.labels["controller-revision-hash"] ?? latest.metadata.labels["controller.kubernetes.io/hash"],
  );
});
requirement(`${DAEMON} should rollback without unnecessary restarts`, async (place) => {
  const nodes = ["a", "b", "c"].map((name) => `${place.namespace}-${name}`);
  for (const name of nodes) await place.expect(201, "POST", "/api/v1/nodes", pretendedNode(name));
  const tolerations = [{ key: PRETENDED, operator: "Exists" }];
  const spec = podSpec(undefined, { nodeSelector: { [PRETENDED]: "yes" }, tolerations });
  const image = (name: string) => ({
    spec: { template: { spec: { containers: [{ ...spec.containers[0], image: name }] } } },
  });
  const imageOf = (pod: Any) => pod.spec.containers[0].image;
  const ready = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] };
  const run = ({ metadata }: Any) =>
    place.expect(
      200,
      "PATCH",
      `${place.path("pods", metadata.name)}/status`,
      { status: ready },
      "application/merge-patch+json",
    );
  /** Ends the one pod that was told to go, and answers what is there in its place. */
  const replaced = async (): Promise<Any> => {
    const leaving = (pods: Any[]) => pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined);
    const before = await place.untilList("pods", (pods) => leaving(pods).length === 1);
    await place.expect(200, "DELETE", `${place.path("pods", leaving(before)[0].metadata.name)}?gracePeriodSeconds=0`);
    const known = before.map((pod) => pod.metadata.uid);
    const isNew = (pod: Any) => !known.includes(pod.metadata.uid) && pod.spec.nodeName !== undefined;
    return (await place.untilList("pods", (pods) => pods.length === 3 && pods.some(isNew))).find(isNew);
  };

  const updateStrategy = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } };
  await place.create("daemonsets", daemonSet("back", spec, { updateStrategy }));
  const first = await place.untilList(
    "pods",
    (pods) => pods.length === 3 && pods.every((pod) => pod.spec.nodeName !== undefined),
  );
  await Promise.all(first.map(run));
  await place.until("daemonsets", "back", runs(3));
  await place.patch("daemonsets", "back", image("no/such:image"));
  expect(imageOf(await replaced())).toBe("no/such:image");
  // It never gets ready, so the others stay.
  const kept = (await place.list("pods")).filter((pod) => imageOf(pod) === IMAGE);
  expect(kept.length).toBe(2);
  await place.patch("daemonsets", "back", image(IMAGE));
  const last = await replaced();
  expect(imageOf(last)).toBe(IMAGE);
  await run(last);
  await place.until("daemonsets", "back", (set) => runs(3)(set) && set.status.updatedNumberScheduled === 3);
  const uids = (pods: Any[]) => pods.map((pod) => pod.metadata.uid).sort();
  expect(uids(await place.list("pods"))).toEqual(uids([...kept, last]));
  await place.delete("daemonsets", "back");
  for (const name of nodes) await place.expect(200, "DELETE", `/api/v1/nodes/${name}`);
});
requirement(`${DAEMON} should list and delete a collection of DaemonSets`, async (place) => {
  await place.create("daemonsets", daemonSet("one", waitingSpec()));
  expect((await place.list("daemonsets", "name=one")).length).toBe(1);
  await place.expect(200, "DELETE", `${place.path("daemonsets")}?labelSelector=name%3Done`);
  await place.untilList("daemonsets", (sets) => sets.length === 0);
});
requirement(
  "[sig-apps] ControllerRevision [Serial] should manage the lifecycle of a ControllerRevision",
  async (place) => {
    const revisions = (count: number, selector = "agent=yes") =>
      place.untilList("controllerrevisions", (all) => all.length === count, selector);
    await place.create("daemonsets", daemonSet("revised", waitingSpec()));
    const [first] = await revisions(1);
    const name = first.metadata.name;
    expect(
      (await place.patch("controllerrevisions", name, { metadata: { labels: { patched: "yes" } } })).metadata.labels
        .patched,
    ).toBe("yes");
    const { uid: _, resourceVersion: __, creationTimestamp: ___, ...metadata } = first.metadata;
    await place.create("controllerrevisions", {
      ...first,
      metadata: { ...metadata, name: "second" },
      revision: first.revision + 1,
    });
    await revisions(2);
    await place.delete("controllerrevisions", name);
    await revisions(1);
    const updated = await place.change(place.path("controllerrevisions", "second"), (object) => {
      object.metadata.labels.updated = "yes";
    });
    expect(updated.metadata.labels.updated).toBe("yes");
    await place.patch("daemonsets", "revised", version("two"));
    await revisions(2);
    await place.expect(200, "DELETE", `${place.path("controllerrevisions")}?labelSelector=updated%3Dyes`);
    const [last] = await revisions(1);
    expect(last.revision).toBe(3);
  },
);

for (const [codename, resource, object] of [
  [`${SET} should validate Statefulset Status endpoints`, "statefulsets", statefulSet(1, waitingSpec())],
  [`${DAEMON} should verify changes to a daemon set status`, "daemonsets", daemonSet("db", waitingSpec())],
] as const) {
  requirement(codename, async (place) => {
    await place.create(resource, object);
    await place.until(resource, "db", (each) => each.status?.observedGeneration === each.metadata.generation);
    const status = `${place.path(resource, "db")}/status`;
    const since = (await place.expect(200, "GET", place.path(resource))).metadata.resourceVersion;
    const condition = (type: string) => ({ type, status: "True", reason: "E2E", message: "Set from e2e test" });
    await place.change(status, (each) => {
      each.status.conditions = [condition("StatusUpdate")];
    });
    expect((await place.expect(200, "GET", status)).status.conditions).toMatchObject([condition("StatusUpdate")]);
    const patch = { status: { conditions: [condition("StatusPatched")] } };
    await place.expect(200, "PATCH", status, patch, "application/merge-patch+json");
    expect((await place.get(resource, "db")).status.conditions).toMatchObject([condition("StatusPatched")]);
    await cluster.watch(
      `${place.path(resource)}?watch=1&resourceVersion=${since}`,
      (seen) =>
        seen.some((each) => has(each.object, "StatusUpdate")) && seen.some((each) => has(each.object, "StatusPatched")),
    );
  });
}
