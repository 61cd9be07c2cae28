/** Steps in parallel, each after what it needs. */
import { describe, expect, test } from "bun:test";
import type { Step } from "../../../src/compose/contract.ts";
import { runSteps } from "../../../src/compose/run/step-graph.ts";

const step = (id: string, needs: string[] = []): Step => ({
  id,
  action: { kind: "remove-image", image: id },
  needs,
  reason: "",
});

/** Runs steps and writes down what began and ended, one after the other. */
async function traceOf(steps: Step[], limit: number, fails: string[] = []) {
  const trace: string[] = [];
  const stop = new AbortController();
  const work = async ({ id }: Step) => {
    trace.push(`${id} begins`);
    await Bun.sleep(1);
    if (fails.includes(id)) throw new Error(`${id} fails`);
    trace.push(`${id} ends`);
  };
  const failure = await runSteps(steps, work, { limit, stop }).then(
    () => undefined,
    (error: Error) => error.message,
  );
  return { trace, failure };
}

describe("runSteps()", () => {
  test("what needs nothing goes at once, the rest after what it needs, however they are written down", async () => {
    const { trace } = await traceOf([step("c", ["a", "b"]), step("a"), step("b", ["gone"])], 0);
    expect(trace.slice(0, 2).sort()).toEqual(["a begins", "b begins"]);
    expect(trace.slice(-2)).toEqual(["c begins", "c ends"]);
  });

  test("no more at once than the limit", async () => {
    const { trace } = await traceOf([step("a"), step("b"), step("c")], 1);
    expect(trace).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });

  test("after a failure nothing begins, what goes on ends, and the first failure is told", async () => {
    const { trace, failure } = await traceOf([step("a"), step("b"), step("c", ["a"]), step("d", ["b"])], 0, ["a"]);
    expect(failure).toBe("a fails");
    expect(trace).toContain("b ends");
    expect(trace.join()).not.toContain("c begins");
    expect(trace.join()).not.toContain("d begins");
  });

  test("aborted before it begins, nothing is done", async () => {
    const stop = new AbortController();
    stop.abort(new Error("canceled"));
    const begun: string[] = [];
    const run = runSteps([step("a")], async ({ id }) => void begun.push(id), { limit: 0, stop });
    await expect(run).rejects.toThrow("canceled");
    await run.catch(() => {});
    expect(begun).toEqual([]);
  });
});
