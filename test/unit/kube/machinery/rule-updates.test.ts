import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { RuleUpdates } from "../../../../src/kube/machinery/rule-updates.ts";

/** What happened, in order. */
let seen: string[];
let refusals: number;
let isBehind: boolean;
let updates: RuleUpdates;

beforeEach(() => {
  jest.useFakeTimers();
  [seen, refusals, isBehind] = [[], 0, false];
  updates = new RuleUpdates({
    apply() {
      if (refusals-- > 0) throw new Error("no");
      seen.push("applied");
    },
    isBehind() {
      seen.push("looked");
      return isBehind;
    },
    failed: (error) => seen.push(String(error)),
  });
});
afterEach(() => {
  updates.close();
  jest.useRealTimers();
});

test("changes of one moment are carried out together, and never after the end", () => {
  updates.soon();
  updates.soon();
  expect(seen).toEqual([]);
  jest.advanceTimersByTime(10);
  expect(seen).toEqual(["applied"]);
  updates.soon();
  updates.now();
  jest.advanceTimersByTime(10);
  expect(seen).toEqual(["applied", "applied"]);
  updates.soon();
  updates.close();
  jest.advanceTimersByTime(60_000);
  expect(seen).toEqual(["applied", "applied"]);
});

test("what is refused is told and tried again each second", () => {
  refusals = 2;
  updates.now();
  jest.advanceTimersByTime(1000);
  expect(seen).toEqual(["Error: no", "Error: no"]);
  jest.advanceTimersByTime(1000);
  expect(seen.filter((what) => what !== "looked")).toEqual(["Error: no", "Error: no", "applied"]);
});

test("rules that are gone are made again", () => {
  jest.advanceTimersByTime(2000);
  expect(seen).toEqual(["looked"]);
  isBehind = true;
  jest.advanceTimersByTime(2000);
  expect(seen).toEqual(["looked", "looked", "applied"]);
});
