import { expect, test } from "bun:test";
import { cronJobController } from "../../../../src/kube/controllers/cron-jobs/controller.ts";
import { decideCron, surplusJobs } from "../../../../src/kube/controllers/cron-jobs/decision.ts";
import { parseSchedule } from "../../../../src/kube/controllers/cron-jobs/schedule.ts";
import type { CronJob, CronJobSpec, Job } from "../../../../src/model/kubernetes/batch.ts";
import { CRON_JOBS, JOBS } from "../../../../src/model/kubernetes/names.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";
import { controlledCluster, until } from "../../../support/controlled-cluster.ts";

const at = (text: string) => Date.parse(text);

test.each([
  ["* * * * *", undefined, "2026-11-21T14:43:10Z", "2026-11-21T14:44:00Z"],
  ["*/15 * * * *", undefined, "2026-11-21T14:45:00Z", "2026-11-21T15:00:00Z"],
  ["30 3 * * mon-fri", undefined, "2026-11-20T04:00:00Z", "2026-11-23T03:30:00Z"],
  ["0 0 1 jan,jul *", undefined, "2026-11-20T04:00:00Z", "2027-01-01T00:00:00Z"],
  ["0 0 13 * fri", undefined, "2026-11-21T00:00:00Z", "2026-11-27T00:00:00Z"],
  ["0 12 29 2 *", undefined, "2026-03-01T00:00:00Z", "2028-02-29T12:00:00Z"],
  ["5/20 * * * *", undefined, "2026-11-21T14:26:00Z", "2026-11-21T14:45:00Z"],
  ["@hourly", undefined, "2026-11-21T14:26:00Z", "2026-11-21T15:00:00Z"],
  ["@every 90s", undefined, "2026-11-21T14:26:00Z", "2026-11-21T14:27:30Z"],
  ["0 9 * * *", "Asia/Seoul", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"],
  // Clocks go from 2 to 3 o'clock: half past two does not come that day.
  ["30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"],
  // Clocks go from 3 back to 2 o'clock: half past two comes twice.
  ["30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
])("%p in %p after %p", (text, zone, after, expected) => {
  expect(new Date(parseSchedule(text, zone).next(at(after))!).toISOString()).toBe(new Date(expected).toISOString());
});

test("a time that never comes", () => {
  expect(parseSchedule("0 0 30 2 *").next(at("2026-01-01T00:00:00Z"))).toBeUndefined();
});

test.each([
  ["* * * *", "expected exactly 5 fields, found 4"],
  ["60 * * * *", "end of range (60) above maximum (59): 60"],
  ["* * 0 * *", "beginning of range (0) below minimum (1): 0"],
  ["5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"],
  ["*/0 * * * *", "step of range should be a positive number"],
  ["x * * * *", "failed to parse int from x"],
  ["@never", "unrecognized descriptor: @never"],
  ["@every x", "failed to parse duration @every x"],
  ["TZ=UTC * * * * *", "a time zone belongs into timeZone"],
])("%p is refused", (text, words) => {
  expect(() => parseSchedule(text)).toThrow(words);
});

test("an unknown zone is refused", () => {
  expect(() => parseSchedule("* * * * *", "Mars/Base")).toThrow("unknown time zone Mars/Base");
});

function cron(spec: Partial<CronJobSpec>, status = {}): Stored<CronJob> {
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "tick", namespace: "default", creationTimestamp: "2026-11-21T14:00:30Z" },
    spec: { schedule: "* * * * *", jobTemplate: {}, ...spec },
    status,
  } as unknown as Stored<CronJob>;
}
const jobOf = (name: string, end?: "Complete" | "Failed", startTime?: string) =>
  ({
    metadata: { name, uid: name },
    status: { startTime, conditions: end === undefined ? [] : [{ type: end, status: "True" }] },
  }) as unknown as Stored<Job>;
const now = at("2026-11-21T14:03:10Z");
const scheduled = at("2026-11-21T14:03:00Z");
const next = at("2026-11-21T14:04:00Z");

test.each([
  ["its time has come", cron({}), [], { action: "start", scheduled, replace: false, at: next }],
  ["that job was started", cron({}, { lastScheduleTime: "2026-11-21T14:03:00Z" }), [], { action: "wait", at: next }],
  [
    "another one runs: Forbid",
    cron({ concurrencyPolicy: "Forbid" }),
    [jobOf("x")],
    { action: "forbid", scheduled, at: next },
  ],
  [
    "another one runs: Replace",
    cron({ concurrencyPolicy: "Replace" }),
    [jobOf("x")],
    { action: "start", scheduled, replace: true, at: next },
  ],
  ["too late", cron({ startingDeadlineSeconds: 5 }), [], { action: "wait", at: next }],
  ["suspended", cron({ suspend: true }), [], { action: "wait", at: undefined }],
])("a cron job: %s", (_, wanted, active, expected) => {
  expect(decideCron(wanted, parseSchedule(wanted.spec!.schedule), active, now)).toEqual(expected as never);
});

test("after a long sleep only the last time counts", () => {
  const sleeper = cron({}, { lastScheduleTime: "2016-11-21T14:03:00Z" });
  expect(decideCron(sleeper, parseSchedule("* * * * *"), [], now)).toMatchObject({ action: "start", scheduled });
});

test("the history keeps three successes and one failure", () => {
  const jobs = [1, 2, 3, 4, 5].map((i) => jobOf(`c${i}`, "Complete", `2026-11-21T14:0${i}:00Z`));
  const failed = [1, 2].map((i) => jobOf(`f${i}`, "Failed", `2026-11-21T14:0${i}:00Z`));
  const gone = surplusJobs(cron({}), [...jobs, ...failed, jobOf("runs")]).map((each) => each.metadata.name);
  expect(gone).toEqual(["c1", "c2", "f1"]);
});

test("a cron job starts its job and tells which are active", async () => {
  await using there = await controlledCluster((tools) => [cronJobController(tools)]);
  const { client } = there;
  await client.resource(CRON_JOBS).create("default", {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "tick" },
    spec: { schedule: "@every 1s", jobTemplate: { metadata: { labels: { a: "b" } }, spec: { template: {} } } },
  });
  const job = await until(client, JOBS, ([each]) => each);
  expect(job.metadata.labels).toEqual({ a: "b" });
  expect(job.metadata.annotations?.["batch.kubernetes.io/cronjob-scheduled-timestamp"]).toMatch(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/,
  );
  await until(client, CRON_JOBS, ([each]) => each?.status?.active?.some((active) => active.uid === job.metadata.uid));
});
