import { expect, test } from "bun:test";
import { SchedulingQueue } from "../../../../src/kube/scheduler/scheduling-queue.ts";
import { pod, seen } from "./fixtures.ts";

function queueAt(clock: { now: number }) {
  let wakes = 0;
  const queue = new SchedulingQueue(
    () => wakes++,
    () => clock.now,
  );
  const names = () => {
    const found: string[] = [];
    for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) found.push(entry.view.pod.metadata.name);
    return found;
  };
  return { queue, names, wakes: () => wakes };
}

test("the most important first, then the longest waiting; what was removed does not come", () => {
  const clock = { now: 1000 };
  const { queue, names } = queueAt(clock);
  for (const [name, priority] of [
    ["a", 0],
    ["b", 5],
    ["c", 0],
    ["d", 5],
    ["e", 9],
  ] as const) {
    queue.put(seen(pod(name, { priority })));
    clock.now++;
  }
  queue.remove("uid-d");
  expect(names()).toEqual(["e", "b", "a", "c"]);
  expect(queue.size).toBe(0);
});

test("a refused pod sleeps until a change that may help, and through its back-off", () => {
  const clock = { now: 1000 };
  const { queue, names } = queueAt(clock);
  queue.put(seen(pod("a")));
  queue.sleep(queue.pop()!, new Set(["NodeResourcesFit"]));
  queue.stir(["VolumeBinding"]);
  clock.now += 5000;
  expect(names()).toEqual([]);
  queue.stir(["NodeResourcesFit"]);
  const entry = queue.pop()!;
  expect(entry.view.pod.metadata.name).toBe("a");
  queue.sleep(entry, new Set(["NodeResourcesFit"]));
  // The second back-off is 2 s: woken before that, it rests.
  queue.stir();
  expect(names()).toEqual([]);
  expect(queue.size).toBe(1);
  // A change of the pod itself is tried at once.
  queue.put(seen(pod("a")));
  expect(names()).toEqual(["a"]);
  queue.close();
});

test("a pod in back-off is woken by the clock", async () => {
  const clock = { now: 0 };
  const { queue, names } = queueAt(clock);
  const { promise, resolve } = Promise.withResolvers<void>();
  queue.put(seen(pod("a")));
  const entry = queue.pop()!;
  queue.sleep(entry, new Set(["NodeResourcesFit"]));
  clock.now = 990;
  queue.stir();
  expect(names()).toEqual([]);
  clock.now = 1001;
  setTimeout(resolve, 30);
  await promise;
  expect(names()).toEqual(["a"]);
  queue.close();
});
