import { expect, test } from "bun:test";
import { runParts } from "../../../src/kube/part-supervisor.ts";

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
  const log = { error: (_message: string, fields: Record<string, unknown> = {}) => void told.push(fields) };
  const ended = runParts([failing, steady], log, ending.signal);
  while (runs < 3) await Bun.sleep(5);
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
