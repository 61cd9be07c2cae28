import { describe, expect, test } from "bun:test";
import { garbageCollector } from "../../../../src/kube/controllers/garbage/collector.ts";
import { delayLeft } from "../../../../src/kube/controllers/jobs/back-off.ts";
import { jobController } from "../../../../src/kube/controllers/jobs/controller.ts";
import { failureVerdict, metSuccessRule } from "../../../../src/kube/controllers/jobs/failure-policy.ts";
import { IndexSet } from "../../../../src/kube/controllers/jobs/index-set.ts";
import { unscheduledPodCollector } from "../../../../src/kube/controllers/nodes/unscheduled-pods.ts";
import type { Job, JobSpec, SuccessPolicyRule } from "../../../../src/model/kubernetes/batch.ts";
import type { Pod } from "../../../../src/model/kubernetes/core.ts";
import { CORE_EVENTS, JOBS, PODS } from "../../../../src/model/kubernetes/names.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";
import { type ControlledCluster, controlledCluster, until } from "../../../support/controlled-cluster.ts";
import { runPods } from "../../../support/pretended-node.ts";

function job(spec: Partial<JobSpec>): Job {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "work" },
    spec: {
      parallelism: 1,
      backoffLimit: 6,
      selector: { matchLabels: { job: "work" } },
      template: {
        metadata: { labels: { job: "work" } },
        spec: { restartPolicy: "Never", containers: [{ name: "main", image: "one" }] },
      },
      ...spec,
    },
  };
}
/** Runs the job; `exitCode` says how a pod ends: undefined keeps it running. */
async function world(spec: Partial<JobSpec>, exitCode: (pod: Stored<Pod>) => number | undefined) {
  const there = await controlledCluster((tools) => [jobController(tools)]);
  const runner = runPods(there.client);
  there.client.informer(PODS).subscribe({
    updated: (before, pod) => {
      if (before.status?.phase === "Running" || pod.status?.phase !== "Running") return;
      const code = exitCode(pod);
      if (code !== undefined) queueMicrotask(() => runner.end(pod, code).catch(() => {}));
    },
  });
  await there.client.resource(JOBS).create("default", job(spec));
  return there;
}
const finished = ({ client }: ControlledCluster, type: string) =>
  until(client, JOBS, ([each]) =>
    each?.status?.conditions?.some((condition) => condition.type === type && condition.status === "True")
      ? each
      : undefined,
  );
const indexOf = (pod: Pod) => Number(pod.metadata.annotations?.["batch.kubernetes.io/job-completion-index"]);

describe("jobs", () => {
  test("a job is complete when enough pods have succeeded, and counts each once", async () => {
    await using there = await world({ completions: 5, parallelism: 2 }, () => 0);
    const done = await finished(there, "Complete");
    expect(done.status).toMatchObject({ succeeded: 5, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
    expect(done.status?.completionTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(done.status?.conditions?.map(({ type, reason }) => `${type} ${reason}`)).toEqual([
      "SuccessCriteriaMet CompletionsReached",
      "Complete CompletionsReached",
    ]);
    const pods = there.client.informer(PODS).list();
    expect(pods.length).toBe(5);
    expect(pods.flatMap((pod) => pod.metadata.finalizers ?? [])).toEqual([]);
    await until(there.client, CORE_EVENTS, (events) => events.some((event) => event.message === "Job completed"));
    expect(there.logged).toEqual([]);
  });

  test("an indexed job gives each pod its index", async () => {
    await using there = await world({ completions: 4, parallelism: 3, completionMode: "Indexed" }, () => 0);
    const done = await finished(there, "Complete");
    expect(done.status).toMatchObject({ succeeded: 4, completedIndexes: "0-3" });
    const pods = there.client.informer(PODS).list();
    expect(pods.map(indexOf).sort()).toEqual([0, 1, 2, 3]);
    const pod = pods.find((each) => indexOf(each) === 2)!;
    expect(pod.spec?.hostname).toBe("work-2");
    expect(pod.metadata.generateName).toBe("work-2-");
    expect(pod.spec?.containers[0]?.env?.[0]?.name).toBe("JOB_COMPLETION_INDEX");
  });

  test("too many failures end the job, and its other pods", async () => {
    let first: string | undefined;
    await using there = await world({ completions: 3, parallelism: 2, backoffLimit: 0 }, (pod) => {
      first ??= pod.metadata.uid;
      return pod.metadata.uid === first ? 1 : undefined;
    });
    const done = await finished(there, "Failed");
    expect(done.status?.conditions?.map(({ type, reason }) => `${type} ${reason}`)).toEqual([
      "FailureTarget BackoffLimitExceeded",
      "Failed BackoffLimitExceeded",
    ]);
    expect(done.status?.failed).toBe(2);
  });

  test("a failure policy ends the job at once or does not count the pod", async () => {
    const rules = [
      { action: "FailJob", onExitCodes: { containerName: "main", operator: "In", values: [42] } },
      { action: "Ignore", onExitCodes: { operator: "In", values: [7] } },
    ];
    const pods = new Set<string>();
    await using there = await world({ completions: 2, parallelism: 1, podFailurePolicy: { rules } }, (pod) => {
      pods.add(pod.metadata.uid);
      return pods.size === 1 ? 7 : 42;
    });
    const done = await finished(there, "Failed");
    const name = there.client
      .informer(PODS)
      .list()
      .find((pod) => pod.status?.containerStatuses?.[0]?.state?.terminated?.exitCode === 42);
    expect(done.status?.conditions?.[0]).toMatchObject({
      type: "FailureTarget",
      reason: "PodFailurePolicy",
      message: `Container main for pod default/${name!.metadata.name} failed with exit code 42 matching FailJob rule at index 0`,
    });
    expect(done.status?.failed).toBe(1);
  });

  test("failures are counted for each index", async () => {
    const spec = {
      completions: 3,
      parallelism: 3,
      completionMode: "Indexed",
      backoffLimitPerIndex: 0,
      backoffLimit: 100,
    };
    await using there = await world(spec, (pod) => (indexOf(pod) === 1 ? 1 : 0));
    const done = await finished(there, "Failed");
    expect(done.status).toMatchObject({ completedIndexes: "0,2", failedIndexes: "1", succeeded: 2, failed: 1 });
    expect(done.status?.conditions?.at(-1)).toMatchObject({
      reason: "FailedIndexes",
      message: "Job has failed indexes",
    });
  });

  test("some indexes may be enough", async () => {
    const successPolicy = { rules: [{ succeededIndexes: "0", succeededCount: 1 }] };
    const spec = { completions: 3, parallelism: 3, completionMode: "Indexed", successPolicy };
    await using there = await world(spec, (pod) => (indexOf(pod) === 0 ? 0 : undefined));
    const done = await finished(there, "Complete");
    expect(done.status?.completedIndexes).toBe("0");
    expect(done.status?.conditions?.[0]).toMatchObject({
      reason: "SuccessPolicy",
      message: "Matched rules at index 0",
    });
  });

  test("a job is suspended and goes on", async () => {
    let code: number | undefined;
    await using there = await world({ completions: 2, parallelism: 2 }, () => code);
    const { client } = there;
    await until(client, JOBS, ([each]) => each?.status?.ready === 2);
    await client.resource(JOBS).patch("default", "work", "merge", { spec: { suspend: true } });
    const suspended = await finished(there, "Suspended");
    expect(suspended.status?.startTime).toBeUndefined();
    await until(client, PODS, (pods) => pods.length === 0);
    code = 0;
    await client.resource(JOBS).patch("default", "work", "merge", { spec: { suspend: false } });
    const done = await finished(there, "Complete");
    expect(done.status?.failed).toBeUndefined();
    expect(done.status?.conditions?.find((each) => each.type === "Suspended")).toMatchObject({
      status: "False",
      reason: "JobResumed",
    });
  });
});

test("a job whose pods never found a node goes, though a failure policy waits for their end", async () => {
  await using there = await controlledCluster((tools) => [
    jobController(tools),
    garbageCollector(tools),
    unscheduledPodCollector(tools),
  ]);
  const { client } = there;
  const rules = [{ action: "Ignore", onExitCodes: { operator: "In", values: [7] } }];
  await client.resource(JOBS).create("default", job({ podFailurePolicy: { rules } }));
  await until(client, PODS, (pods) => pods.length === 1);
  await client.resource(JOBS).delete("default", "work", { propagationPolicy: "Foreground" });
  await until(client, JOBS, (jobs) => jobs.length === 0);
  expect(client.informer(PODS).list()).toEqual([]);
});

test.each([
  ["0,2-4,7", [0, 2, 3, 4, 7], "0,2-4,7"],
  ["5,4", [5, 4], "4,5"],
  ["", [], ""],
  ["1,x,3-", [1], "1"],
  ["0-99", [0, 1, 2], "0-2"],
])("indexes %p", (text, indexes, written) => {
  const set = IndexSet.parse(text, text === "0-99" ? 3 : undefined);
  expect([...set]).toEqual(indexes);
  expect(String(set)).toBe(written);
});

test.each([
  [0, 0],
  [1, 10_000],
  [2, 20_000],
  [7, 600_000],
])("after %p failures the next pod waits %p ms", (failures, wait) => {
  expect(delayLeft(failures, 1000, 1000)).toBe(wait);
});

const successRules: [string, SuccessPolicyRule, number[], boolean][] = [
  ["all of the indexes", { succeededIndexes: "0-1" }, [0, 1], true],
  ["one is missing", { succeededIndexes: "0-1" }, [0, 2], false],
  ["a number of the indexes", { succeededIndexes: "0-2", succeededCount: 1 }, [2], true],
  ["a number of any", { succeededCount: 2 }, [1, 3], true],
];
test.each(successRules)("success rule: %s", (_, rule, succeeded, met) => {
  const wanted = job({ completions: 4, completionMode: "Indexed", successPolicy: { rules: [rule] } });
  expect(metSuccessRule(wanted, new IndexSet(succeeded))).toBe(met ? 0 : undefined);
});

test("a failure rule may ask for a condition of the pod", () => {
  const rules = [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] }];
  const pod = {
    metadata: { namespace: "default", name: "p" },
    status: { conditions: [{ type: "DisruptionTarget", status: "True" }] },
  } as unknown as Stored<Pod>;
  expect(failureVerdict(job({ podFailurePolicy: { rules } }), pod)).toEqual({
    action: "Ignore",
    message: "Pod default/p has condition DisruptionTarget matching Ignore rule at index 0",
  });
});
