/** Runs of scheduled services over an engine that only pretends. */
import { afterEach, expect, test } from "bun:test";
import { scheduleOf } from "../../../src/compose/automation/schedule.ts";
import { ScheduledService, type ScheduleRecord } from "../../../src/compose/automation/scheduled-service.ts";
import type { ComposeEngine } from "../../../src/compose/contract.ts";
import { projectModel } from "../../../src/compose/service-model.ts";
import type { ContainerSummary } from "../../../src/model/container.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { projectOf } from "./project-of.ts";

const DAY_MS = 86_400_000;
const summary = (service: string, state: string) =>
  ({
    ...{ Id: service, Names: [`/p-${service}-1`], State: state, Status: "", Image: "i", ImageID: "i", Created: 0 },
    Labels: { "com.docker.compose.project": "p", "com.docker.compose.service": service },
  }) as unknown as ContainerSummary;

/** One whose containers end with `exitCode` when `end` is called. */
function fakeEngine(containers: ContainerSummary[]) {
  const started: string[] = [];
  const stopped: string[] = [];
  const ended = Promise.withResolvers<number>();
  const engine = {
    listContainers: async () => containers,
    listNetworks: async () => [],
    listVolumes: async () => [],
    inspectImage: async () => ({ Id: "i" }),
    startContainer: async (id: string) => void started.push(id),
    stopContainer: async (id: string) => void stopped.push(id),
    waitContainer: () => ended.promise,
    inspectContainer: async () => ({ State: {} }),
  } as unknown as ComposeEngine;
  return { engine, started, stopped, end: (exitCode: number) => ended.resolve(exitCode) };
}

const running: ScheduledService[] = [];
afterEach(() => {
  for (const one of running.splice(0)) one.stop();
});

/** A daily job that was last thought of two days ago. */
async function schedule(
  keys: string,
  fake: ReturnType<typeof fakeEngine>,
  known: Partial<ScheduleRecord> = { consideredMs: Date.now() - 2 * DAY_MS },
) {
  const project = await projectOf(
    `name: p\nservices: { web: { image: i }, job: { image: i, x-naru-schedule: { cron: "0 3 * * *", ${keys} } } }`,
  );
  const model = projectModel(project);
  const records = new MemoryStore().collection<ScheduleRecord>("schedules");
  await records.put("p/job", { project: "p", service: "job", consideredMs: 0, runs: [], ...known });
  let isGone = false;
  const log = { info: () => {}, warn: () => {} };
  const onGone = () => {
    isGone = true;
  };
  const parts = { engine: fake.engine, records, log, onGone };
  const service = new ScheduledService(parts, model, "job", scheduleOf("job", model.trees.job!)!);
  running.push(service);
  service.start();
  const runs = () => service.status().runs;
  const until = async (holds: () => boolean) => {
    for (let patience = 2000; !holds() && patience > 0; patience--) await Bun.sleep(1);
    expect(holds()).toBe(true);
  };
  return { service, runs, until, isGone: () => isGone };
}

test("a time that passed while no daemon ran is made up for once, when that is wished", async () => {
  const fake = fakeEngine([summary("web", "running"), summary("job", "exited")]);
  const { runs, until } = await schedule("catch_up: true", fake);
  await until(() => runs().length === 1);
  fake.end(0);
  await until(() => runs()[0]?.outcome === "succeeded");
  expect(fake.started).toEqual(["job"]);
  const other = await schedule("catch_up: false", fakeEngine([summary("job", "exited")]));
  await Bun.sleep(20);
  expect(other.runs()).toEqual([]);
});

test("a run that goes on since before the daemon started is followed to its end", async () => {
  const fake = fakeEngine([summary("web", "running"), summary("job", "running")]);
  const open = { at: new Date(Date.now() - 5000).toISOString(), outcome: "running" } as const;
  const { service, runs, until } = await schedule("", fake, { consideredMs: Date.now(), runs: [open] });
  await Bun.sleep(5);
  await expect(service.runNow()).rejects.toThrow("service job runs already");
  fake.end(7);
  await until(() => runs()[0]?.outcome === "failed");
  expect(runs()).toEqual([{ ...open, outcome: "failed", exitCode: 7, endedAt: expect.any(String) }]);
});

test("a run that is over its time when the daemon starts is stopped at once", async () => {
  const fake = fakeEngine([summary("web", "running"), summary("job", "running")]);
  const open = { at: new Date(Date.now() - 5000).toISOString(), outcome: "running" } as const;
  const { runs, until } = await schedule("timeout: 2s", fake, { consideredMs: Date.now(), runs: [open] });
  await until(() => fake.stopped.length === 1);
  fake.end(143);
  await until(() => runs()[0]?.outcome === "timed out");
});

test("without a container the time is missed; without anything of the project it is given up; a stopped one stays so", async () => {
  const lonely = await schedule("catch_up: true", fakeEngine([summary("web", "running")]));
  await lonely.until(() => lonely.runs().length === 1);
  expect(lonely.runs()[0]).toMatchObject({ outcome: "missed", reason: expect.stringContaining("compose up job") });
  const gone = await schedule("catch_up: true", fakeEngine([]));
  await gone.until(gone.isGone);
  const resting = fakeEngine([summary("web", "exited"), summary("job", "exited")]);
  const stopped = await schedule("catch_up: true", resting);
  await Bun.sleep(20);
  expect([stopped.runs(), resting.started]).toEqual([[], []]);
});
