import { expect, test } from "bun:test";
import { PartHealth, runParts } from "../../../src/kube/part-supervisor.ts";

test("a part that fails is told in the log and started again; the signal ends all", async () => {
  const ending = new AbortController();
  const told: Record<string, unknown>[] = [];
  let runs = 0;
  const failing = {
    name: "shaky",
    async run(signal: AbortSignal) {
      runs++;
      if (runs < 3) throw new Error(`no ${runs}`);
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    },
  };
  const steady = {
    name: "steady",
    run: (signal: AbortSignal) => new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
  };
  const health = new PartHealth();
  const faults: unknown[] = [];
  const log = {
    error: (_message: string, fields: Record<string, unknown> = {}) => {
      told.push(fields);
      faults.push(["both", "one"].map((component) => health.faultOf(component)));
    },
  };
  expect(health.faultOf("both")).toBe("not started yet");
  health.assign("both", [steady, failing]);
  health.assign("one", [steady]);
  const ended = runParts([failing, steady], log, ending.signal, health);
  while (runs < 3) await Bun.sleep(5);
  expect(faults).toEqual([
    ["shaky: no 1", undefined],
    ["shaky: no 2", undefined],
  ]);
  expect(health.faultOf("both")).toBeUndefined();
  ending.abort();
  await ended;
  expect(told).toEqual([
    { part: "shaky", reason: "no 1", inMs: 100 },
    { part: "shaky", reason: "no 2", inMs: 200 },
  ]);
});

test("a part that waits to be started again ends with the signal too", async () => {
  const ending = new AbortController();
  const part = { name: "gone", run: async () => {} };
  const ended = runParts([part], { error: () => ending.abort() }, ending.signal);
  await ended;
  expect(ending.signal.aborted).toBe(true);
});
