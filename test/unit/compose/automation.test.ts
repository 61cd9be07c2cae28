import { describe, expect, test } from "bun:test";
import { type Autoscale, autoscaledReplicas, autoscaleOf } from "../../../src/compose/automation/autoscale.ts";
import { checkExtensions } from "../../../src/compose/automation/check-extensions.ts";
import { parseCron } from "../../../src/compose/automation/cron.ts";
import { readKeptProject } from "../../../src/compose/automation/kept-project.ts";
import { decideReplicas, type ReplicaLoad } from "../../../src/compose/automation/scaling-decision.ts";
import { scheduleOf } from "../../../src/compose/automation/schedule.ts";
import type { Tree } from "../../../src/compose/document.ts";

describe("cron", () => {
  /** The next times, as UTC. */
  const times = (line: string, from: string, zone = "UTC", count = 3) => {
    const cron = parseCron(line, zone);
    const found: string[] = [];
    for (let at: number | undefined = Date.parse(from); found.length < count; ) {
      at = cron.next(at);
      if (at === undefined) break;
      found.push(new Date(at).toISOString().slice(0, 16));
    }
    return found;
  };
  test.each([
    ["*/20 * * * *", "2026-01-01T00:00Z", ["2026-01-01T00:20", "2026-01-01T00:40", "2026-01-01T01:00"]],
    ["5,35 9-10 * * *", "2026-01-01T09:10Z", ["2026-01-01T09:35", "2026-01-01T10:05", "2026-01-01T10:35"]],
    ["0 0 31 * *", "2026-01-31T12:00Z", ["2026-03-31T00:00", "2026-05-31T00:00", "2026-07-31T00:00"]],
    ["0 12 29 feb *", "2026-01-01T00:00Z", ["2028-02-29T12:00", "2032-02-29T12:00", "2036-02-29T12:00"]],
    ["0 6 * * mon-fri", "2026-01-02T06:00Z", ["2026-01-05T06:00", "2026-01-06T06:00", "2026-01-07T06:00"]],
    ["0 6 * * 7", "2026-01-01T00:00Z", ["2026-01-04T06:00", "2026-01-11T06:00", "2026-01-18T06:00"]],
    // Both day fields: either.
    ["0 0 13 * fri", "2026-01-01T00:00Z", ["2026-01-02T00:00", "2026-01-09T00:00", "2026-01-13T00:00"]],
    ["0 0 */2 * mon", "2026-01-01T00:00Z", ["2026-01-05T00:00", "2026-01-19T00:00", "2026-02-09T00:00"]],
    ["@daily", "2026-01-01T00:00Z", ["2026-01-02T00:00", "2026-01-03T00:00", "2026-01-04T00:00"]],
    ["@every 90m", "2026-01-01T00:00Z", ["2026-01-01T01:30", "2026-01-01T03:00", "2026-01-01T04:30"]],
    ["10/25 1 1 1 *", "2026-01-01T00:00Z", ["2026-01-01T01:10", "2026-01-01T01:35", "2027-01-01T01:10"]],
  ])("%s from %s", (line, from, expected) => expect(times(line, from)).toEqual(expected));

  test.each([
    // 29 March 2026: 02:00 becomes 03:00. What lies between is done at 03:00, once.
    ["30 2 * * *", "2026-03-27T12:00Z", ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]],
    ["0 * * * *", "2026-03-28T23:30Z", ["2026-03-29T00:00", "2026-03-29T01:00", "2026-03-29T02:00"]],
    // 25 October 2026: 03:00 becomes 02:00. A certain hour comes once, each hour twice.
    ["30 2 * * *", "2026-10-23T12:00Z", ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]],
    ["30 * * * *", "2026-10-25T00:00Z", ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"]],
    ["0 0 1 * *", "2026-06-15T00:00Z", ["2026-06-30T22:00", "2026-07-31T22:00", "2026-08-31T22:00"]],
  ])("%s in Berlin from %s", (line, from, expected) => expect(times(line, from, "Europe/Berlin")).toEqual(expected));

  test("a date that never comes ends the search", () => {
    expect(parseCron("0 0 30 2 *", "America/New_York").next(Date.parse("2026-01-01"))).toBeUndefined();
  });
  test.each([
    ["* * * *", "has 4 fields, not 5 (minute, hour, day of month, month, day of week)"],
    ["60 * * * *", '"60" is no minute: it goes from 0 to 59'],
    ["* 5-3 * * *", '"5-3" is no hour: the range ends before it begins'],
    ["*/0 * * * *", "a step is 1 or more"],
    ["* * L * *", '"L" is no day of month'],
    ["* * * * mon;tue", "use numbers from 0 to 7, ranges, lists and steps"],
    ["@reboot", "there are @yearly"],
    ["@every 0.1s", "the shortest interval is 1s"],
    ["@every now", "time: invalid duration"],
  ])("%s is refused", (line, words) => expect(() => parseCron(line, "UTC")).toThrow(words));
});

describe("x-naru keys", () => {
  const service = (keys: Record<string, unknown>) => ({ image: "i", ...keys }) as Tree;
  test("a schedule in its short and long form", () => {
    expect(scheduleOf("job", service({ "x-naru-schedule": "@hourly" }))).toMatchObject({
      ...{ cron: ["@hourly"], zone: "UTC", overlap: "skip", catchesUp: false, keptRuns: 20 },
    });
    const long = { cron: ["0 1 * * *", "0 2 * * *"], timezone: "Asia/Seoul", overlap: "replace", timeout: "5m" };
    const schedule = scheduleOf("job", service({ "x-naru-schedule": { ...long, catch_up: true, history: 3 } }))!;
    expect(schedule).toMatchObject({ timeoutMs: 300_000, catchesUp: true, keptRuns: 3, zone: "Asia/Seoul" });
    expect(schedule.next(Date.parse("2026-01-01T16:30Z"))).toBe(Date.parse("2026-01-01T17:00Z"));
    expect(scheduleOf("job", service({}))).toBeUndefined();
  });
  test("a scaling", () => {
    const target = { cpu: "70%", memory: "200M", requests: 5 };
    const keys = { "x-naru-autoscale": { min: 2, max: "6", target, interval: "2s", down_after: "30s" } };
    const autoscale = autoscaleOf("web", service(keys))!;
    expect(autoscale).toEqual({
      ...{ min: 2, max: 6, intervalMs: 2000, downAfterMs: 30_000 },
      target: { cpu: 0.7, memoryBytes: 200 * 1024 ** 2, requests: 5 },
    });
    expect([0, 3, 9].map((present) => autoscaledReplicas(autoscale, present))).toEqual([2, 3, 6]);
    const limited = service({ mem_limit: 1000, "x-naru-autoscale": { max: 2, target: { memory: "80%" } } });
    expect(autoscaleOf("web", limited)).toMatchObject({ min: 1, max: 2, target: { memoryShare: 0.8 } });
  });
  const scale = { max: 2, target: { cpu: 50 } };
  test.each([
    [{ "x-naru-schedule": 5 }, "services.a.x-naru-schedule: must be a line of cron"],
    [{ "x-naru-schedule": "0 0 30 2 *" }, "never comes"],
    [{ "x-naru-schedule": { crom: "@daily" } }, "unknown key 'crom', did you mean 'cron'?"],
    [{ "x-naru-schedule": { cron: "@daily", timezone: "Mars" } }, 'there is no time zone "Mars"'],
    [{ "x-naru-schedule": "@daily", restart: "always" }, "it would never be done"],
    [{ "x-naru-schedule": "@daily", deploy: { replicas: 2 } }, "a scheduled service has one"],
    [{ "x-naru-schedul": "@daily" }, "unknown key 'x-naru-schedul', did you mean 'x-naru-schedule'?"],
    [{ "x-naru-autoscale": { target: { cpu: 50 } } }, "x-naru-autoscale.max: must be a whole number from 1 to 1000"],
    [{ "x-naru-autoscale": { max: 2 } }, "target: name at least one of cpu"],
    [{ "x-naru-autoscale": { ...scale, min: 3 } }, "max (2) is less than min (3)"],
    [{ "x-naru-autoscale": { max: 2, target: { memory: "80%" } } }, "a share needs a limit"],
    [{ "x-naru-autoscale": { max: 2, target: { cpu: "much" } } }, "must be a share above 0"],
    [{ "x-naru-autoscale": { ...scale, down_after: "5" } }, "write a number and a unit"],
    [{ "x-naru-autoscale": scale, container_name: "one" }, "only one replica can have"],
    [{ "x-naru-autoscale": scale, network_mode: "host" }, "would take the same ports"],
    [{ "x-naru-autoscale": scale, "x-naru-schedule": "@daily" }, "a job is not scaled"],
  ])("%j is refused", (keys, words) => {
    expect(() => checkExtensions({ a: service(keys) })).toThrow(words);
  });
});

describe("readKeptProject", () => {
  const sections = { services: {}, networks: {}, volumes: {}, secrets: {}, configs: {}, trees: {}, variables: {} };
  const project = { name: "p", disabled: [], ...sections };
  test("takes what a client sends", () => expect(readKeptProject(project)).toEqual(project as never));
  test.each([
    [undefined],
    [5],
    [{ ...project, name: 5 }],
    [{ ...project, trees: { a: null } }],
    [{ ...project, services: [] }],
    [{ ...project, variables: { A: 1 } }],
    [{ ...project, disabled: "all" }],
  ])("refuses %j", (value) => expect(() => readKeptProject(value)).toThrow("this is no Compose project"));
});

describe("decideReplicas", () => {
  const autoscale: Autoscale = { min: 1, max: 10, target: { cpu: 0.5 }, intervalMs: 1000, downAfterMs: 10_000 };
  const cpu = (...shares: number[]): ReplicaLoad[] => shares.map((share) => ({ cpu: share }));
  const decide = (present: number, loads: ReplicaLoad[], of = autoscale) => decideReplicas(of, present, loads, [], 0);
  test.each([
    ["near the target nothing changes", 2, cpu(0.52, 0.53), 2],
    ["a load of twice the target doubles", 2, cpu(1, 1), 4],
    ["not beyond the most", 8, cpu(1, 1, 1, 1, 1, 1, 1, 1), 10],
    ["one replica grows by four at most at once", 1, cpu(9), 5],
    ["new ones count as on target", 4, cpu(1, 1), 6],
    ["nothing measured, nothing done", 3, [], 3],
    ["more than the most come back at once", 12, cpu(0.5), 10],
  ])("%s", (_, present, loads, expected) => expect(decide(present, loads).replicas).toBe(expected));

  test("the strongest of several targets decides, and is told", () => {
    const of = { ...autoscale, target: { cpu: 0.5, requests: 10, memoryShare: 0.5 } };
    const load = { cpu: 0.1, requestsPerSecond: 35, memoryBytes: 60, memoryLimitBytes: 100 };
    const { replicas, reason } = decide(1, [load], of);
    expect([replicas, reason]).toEqual([4, "35 requests/s a replica, wanted 10 requests/s"]);
  });
  test("replicas go only when fewer were enough all the time", () => {
    let present = 6;
    let recommendations: ReturnType<typeof decideReplicas>["recommendations"] = [];
    const seen: number[] = [];
    for (let second = 0; second < 30; second++) {
      // A peak in second 5.
      const share = second === 5 ? 0.4 : 0.1;
      const made = decideReplicas(
        autoscale,
        present,
        cpu(...Array(present).fill(share)),
        recommendations,
        second * 1000,
      );
      ({ replicas: present, recommendations } = made);
      seen.push(present);
    }
    expect(seen.indexOf(5)).toBe(9);
    expect(seen.indexOf(2)).toBe(15);
    expect(seen.at(-1)).toBe(1);
  });
});
