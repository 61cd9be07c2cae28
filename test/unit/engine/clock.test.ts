import { expect, test } from "bun:test";
import { createClock } from "../../../src/engine/clock.ts";

test("the clock goes on in order between two ticks, and follows the machine's when that is set", () => {
  let wall = 1_000_000;
  let steady = 50;
  const now = createClock(
    () => wall,
    () => steady,
  );
  expect(now()).toBe(1_000_000_000_000n);
  expect(now()).toBe(1_000_000_000_001n);
  steady += 0.5;
  expect(now()).toBe(1_000_000_500_000n);
  // A day ahead (the time server answered, the machine slept), then an hour back.
  wall += 86_400_000;
  expect(now()).toBe(87_400_000_000_000n);
  wall -= 3_600_000;
  expect(now()).toBe(83_800_000_000_000n);
  // Ticks of the wall clock are coarser than the other's.
  steady += 0.25;
  expect(now()).toBe(83_800_000_250_000n);
});
