import { expect, test } from "bun:test";
import { graceSeconds } from "../../../../src/cli/kubectl/delete-objects.ts";

test.each([
  [0, false, 1],
  [0, true, 0],
  [-1, false, -1],
  [30, false, 30],
])("--grace-period=%p, forced: %p", (grace, force, seconds) => {
  expect(graceSeconds({ force, "grace-period": grace })).toBe(seconds);
});
