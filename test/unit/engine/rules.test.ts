import { describe, expect, test } from "bun:test";
import { parseRfc3339, rfc3339 } from "../../../src/engine/clock.ts";
import { startExitCode } from "../../../src/engine/container-start.ts";
import { CREATED, canMove, moveState } from "../../../src/engine/container-state.ts";
import { DetachKeyScanner, parseDetachKeys } from "../../../src/engine/detach-keys.ts";
import { matchesPattern, passesLabelFilters, untilFilter } from "../../../src/engine/filter-values.ts";
import { healthPlan, nextHealth } from "../../../src/engine/health-monitor.ts";
import { familiarReference, matchesReference } from "../../../src/engine/image-references.ts";
import { KeyedLock } from "../../../src/engine/keyed-lock.ts";
import { parseBinaryBytes, parseDecimalBytes } from "../../../src/engine/log-sizes.ts";
import { mergeImageConfig, overrideEnv } from "../../../src/engine/merge-image-config.ts";
import { parsePs } from "../../../src/engine/process-list.ts";
import { restartDelay, restartsAtBoot } from "../../../src/engine/restart-policy.ts";
import { parseNumberList } from "../../../src/engine/validate-resources.ts";
import { signalNumber } from "../../../src/lib/signals.ts";
import type { ContainerStatus, Health, RestartPolicy } from "../../../src/model/container.ts";

describe("states", () => {
  const allowed: [ContainerStatus, ContainerStatus][] = [
    ["created", "running"],
    ["running", "paused"],
    ["paused", "running"],
    ["running", "restarting"],
    ["restarting", "running"],
    ["exited", "removing"],
    ["removing", "dead"],
    ["dead", "removing"],
  ];
  test.each(allowed)("%s may become %s", (from, to) => expect(canMove(from, to)).toBe(true));
  const refused: [ContainerStatus, ContainerStatus][] = [
    ["created", "paused"],
    ["exited", "paused"],
    ["running", "removing"],
    ["removing", "running"],
    ["dead", "running"],
  ];
  test.each(refused)("%s never becomes %s", (from, to) => {
    expect(() => moveState({ ...CREATED, status: from }, to)).toThrow(`container is ${from}; it cannot become ${to}`);
  });
});

describe("restart policy", () => {
  const facts = { exitCode: 1, ranForMs: 50, restartCount: 0, isExitWanted: false, lastDelayMs: 0 };
  const policy = (Name: RestartPolicy["Name"], MaximumRetryCount = 0): RestartPolicy => ({ Name, MaximumRetryCount });
  const cases: [string, RestartPolicy, Partial<typeof facts>, number | undefined][] = [
    ["no", policy("no"), {}, undefined],
    ["always", policy("always"), { exitCode: 0 }, 100],
    ["doubles", policy("always"), { lastDelayMs: 100 }, 200],
    ["at most a minute", policy("always"), { lastDelayMs: 50_000 }, 60_000],
    ["begins anew after a long run", policy("always"), { lastDelayMs: 800, ranForMs: 10_000 }, 100],
    ["stopped by hand", policy("always"), { isExitWanted: true }, undefined],
    ["on-failure, success", policy("on-failure"), { exitCode: 0 }, undefined],
    ["on-failure, failure", policy("on-failure"), {}, 100],
    ["on-failure, used up", policy("on-failure", 3), { restartCount: 3 }, undefined],
    ["on-failure, one left", policy("on-failure", 3), { restartCount: 2 }, 100],
  ];
  test.each(cases)("%s", (_name, chosen, change, expected) => {
    expect(restartDelay(chosen, { ...facts, ...change })).toBe(expected);
  });
  test("at boot", () => {
    const stopped = { exitCode: 0, restartCount: 0, isManuallyStopped: true, hasBeenStarted: true };
    expect(restartsAtBoot(policy("always"), stopped)).toBe(true);
    expect(restartsAtBoot(policy("unless-stopped"), stopped)).toBe(false);
    expect(restartsAtBoot(policy("unless-stopped"), { ...stopped, isManuallyStopped: false })).toBe(true);
    expect(restartsAtBoot(policy("always"), { ...stopped, hasBeenStarted: false })).toBe(false);
  });
});

describe("detach keys", () => {
  const keys = parseDetachKeys("ctrl-p,ctrl-q");
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
  test.each([
    [["abc"], "abc", false],
    [["a\x10\x11b"], "a", true],
    [["a\x10", "\x11"], "a", true],
    [["a\x10", "b"], "a\x10b", false],
    [["\x10\x10\x11"], "\x10", true],
  ])("%j", (pieces, passed, isDetached) => {
    const scanner = new DetachKeyScanner(keys);
    const results = pieces.map((piece) => scanner.scan(Buffer.from(piece, "latin1")));
    expect(results.map((result) => text(result.passed)).join("")).toBe(passed);
    expect(results.at(-1)!.isDetached).toBe(isDetached);
  });
  test("syntax", () => {
    expect([...parseDetachKeys("a,ctrl-[,ctrl-@")]).toEqual([97, 27, 0]);
    expect(() => parseDetachKeys("foo")).toThrow("Invalid detach keys (foo) provided");
  });
});

describe("health", () => {
  const plan = healthPlan({ Test: ["CMD-SHELL", "curl -f x"], Retries: 2, StartPeriod: 5e9 }, undefined)!;
  const result = (ExitCode: number) => ({ Start: "", End: "", ExitCode, Output: "" });
  const starting: Health = { Status: "starting", FailingStreak: 0, Log: [] };
  test("plan", () => {
    expect(plan.command).toEqual(["/bin/sh", "-c", "curl -f x"]);
    expect([plan.intervalMs, plan.timeoutMs, plan.startIntervalMs]).toEqual([30_000, 30_000, 5000]);
    expect(healthPlan({ Test: ["NONE"] }, undefined)).toBeUndefined();
  });
  test("failures while starting do not count, later ones do", () => {
    let health = nextHealth(starting, result(1), plan, 1000);
    expect(health).toMatchObject({ Status: "starting", FailingStreak: 0 });
    health = nextHealth(health, result(1), plan, 6000);
    expect(health).toMatchObject({ Status: "starting", FailingStreak: 1 });
    health = nextHealth(health, result(1), plan, 7000);
    expect(health).toMatchObject({ Status: "unhealthy", FailingStreak: 2 });
    health = nextHealth(health, result(0), plan, 8000);
    expect(health).toMatchObject({ Status: "healthy", FailingStreak: 0 });
  });
  test("a million results leave five", () => {
    let health = starting;
    for (let i = 0; i < 1_000_000; i++) health = nextHealth(health, result(i % 2), plan, 9000);
    expect(health.Log).toHaveLength(5);
  });
});

describe("merging with the image's configuration", () => {
  const image = {
    Env: ["PATH=/bin", "A=image"],
    Entrypoint: ["/entry"],
    Cmd: ["image-cmd"],
    ExposedPorts: { "80/tcp": {} },
    Volumes: { "/data": {} },
    Labels: { a: "image", b: "image" },
    WorkingDir: "/work",
    User: "app",
  };
  test("nothing of one's own", () => {
    expect(mergeImageConfig({}, image)).toMatchObject({ ...image, Env: ["PATH=/bin", "A=image"] });
  });
  test("own words win, lists are joined", () => {
    const merged = mergeImageConfig(
      { Cmd: ["mine"], Env: ["A=mine"], Labels: { a: "mine" }, ExposedPorts: { "90/tcp": {} }, User: "me" },
      image,
    );
    expect(merged.Entrypoint).toEqual(["/entry"]);
    expect(merged.Cmd).toEqual(["mine"]);
    expect(merged.Env).toEqual(["A=mine", "PATH=/bin"]);
    expect(merged.Labels).toEqual({ a: "mine", b: "image" });
    expect(Object.keys(merged.ExposedPorts!)).toEqual(["80/tcp", "90/tcp"]);
    expect(merged.User).toBe("me");
  });
  test("an entrypoint of one's own resets the command", () => {
    expect(mergeImageConfig({ Entrypoint: ["/mine"] }, image).Cmd).toBeUndefined();
  });
  test("an empty entrypoint drops the image's and keeps its command", () => {
    const merged = mergeImageConfig({ Entrypoint: [] }, image);
    expect([merged.Entrypoint, merged.Cmd]).toEqual([[], ["image-cmd"]]);
  });
  test("variables are set and taken away", () => {
    expect(overrideEnv(["A=1", "B=2", "C=3"], ["B", "C=4", "D=5"])).toEqual(["A=1", "C=4", "D=5"]);
  });
});

test.each([
  ["9", 9],
  ["KILL", 9],
  ["SIGTERM", 15],
  ["sigusr1", 10],
  ["RTMIN+3", 37],
  ["SIGRTMAX", 64],
])("signal %s is %d", (text, number) => expect(signalNumber(text)).toBe(number));
test.each(["", "FOO", "0", "65", "RTMIN-1"])("signal %j is none", (text) => {
  expect(() => signalNumber(text)).toThrow(`invalid signal: ${text}`);
});

test("times keep their nanoseconds", () => {
  const ns = parseRfc3339("2026-11-21T08:07:43.705799445Z")!;
  expect(rfc3339(ns)).toBe("2026-11-21T08:07:43.705799445Z");
  expect(rfc3339(ns - (ns % 1_000_000_000n))).toBe("2026-11-21T08:07:43Z");
  expect(parseRfc3339("2026-11-21T09:07:43.7+01:00")).toBe(ns - 5_799_445n);
  expect(parseRfc3339("yesterday")).toBeUndefined();
});

test("filters", () => {
  expect(matchesPattern(["^/we"], ["/web"])).toBe(true);
  expect(matchesPattern(["("], ["/web"])).toBe(false);
  const filters = new Map([
    ["label", ["a=1", "b"]],
    ["label!", ["c"]],
  ]);
  expect(passesLabelFilters({ a: "1", b: "" }, filters)).toBe(true);
  expect(passesLabelFilters({ a: "1", b: "", c: "" }, filters)).toBe(false);
  expect(untilFilter(new Map([["until", ["2026-01-02"]]]))).toBe(parseRfc3339("2026-01-02T00:00:00Z")!);
  expect(() => untilFilter(new Map([["until", ["x"]]]))).toThrow('failed to parse value as time or duration: "x"');
});

test("image names", () => {
  expect(familiarReference("docker.io/library/nginx")).toBe("nginx:latest");
  expect(familiarReference("host:5000/a")).toBe("host:5000/a:latest");
  expect(matchesReference("nginx:1.2", "nginx")).toBe(true);
  expect(matchesReference("nginx:1.2", "ng*:1.?")).toBe(true);
  expect(matchesReference("a/nginx:1", "nginx")).toBe(false);
});

test("numbers in texts", () => {
  expect(parseBinaryBytes("10m")).toBe(10 * 1024 ** 2);
  expect(parseBinaryBytes("1.5GiB")).toBe(1.5 * 1024 ** 3);
  expect(parseDecimalBytes("10k")).toBe(10_000);
  expect(parseDecimalBytes("512")).toBe(512);
  for (const text of ["x", "", "-1", "1x"]) expect(parseDecimalBytes(text)).toBeUndefined();
  expect([...parseNumberList("0-2,5")!]).toEqual([0, 1, 2, 5]);
  expect(parseNumberList("2-1")).toBeUndefined();
});

test("exit codes of failed starts", () => {
  const failed = "failed to create task for container: ";
  expect(startExitCode(`${failed}exec: "x": executable file not found in $PATH`)).toBe(127);
  expect(startExitCode(`${failed}exec: "/x": permission denied`)).toBe(126);
  expect(startExitCode("network x not found")).toBe(128);
});

test("ps output", () => {
  const output = "USER PID COMMAND\nroot 12 sleep 100 200\nroot 13 other\n";
  expect(parsePs(output, new Set([12]))).toEqual({
    Titles: ["USER", "PID", "COMMAND"],
    Processes: [["root", "12", "sleep 100 200"]],
  });
  expect(() => parsePs("USER COMMAND\n", new Set())).toThrow("Couldn't find PID field in ps output");
});

test("a keyed lock serves in order and forgets free keys", async () => {
  const locks = new KeyedLock();
  const order: number[] = [];
  const work = async (number: number) => {
    using _turn = await locks.acquire("k");
    await Bun.sleep(1);
    order.push(number);
  };
  await Promise.all([work(1), work(2), work(3)]);
  expect(order).toEqual([1, 2, 3]);
  expect(locks.isHeld("k")).toBe(false);
});
