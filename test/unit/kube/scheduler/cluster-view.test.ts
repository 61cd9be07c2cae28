import { expect, test } from "bun:test";
import type { ClusterPicture } from "../../../../src/kube/scheduler/cluster-view.ts";
import { cluster, node, pod, seen } from "./fixtures.ts";

/** "app node count" of every kind, sorted. */
function told(picture: ClusterPicture): string[] {
  return [...picture.podKinds()]
    .flatMap(({ sample, nodes }) => [...nodes].map(([name, count]) => `${sample.labels.app} ${name} ${count}`))
    .sort();
}
/** The same, counted pod by pod. */
function counted(picture: ClusterPicture): string[] {
  const counts = new Map<string, number>();
  for (const one of picture.nodes) {
    for (const { labels } of one.pods.values()) {
      const key = `${labels.app} ${one.name}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return [...counts].map(([key, count]) => `${key} ${count}`).sort();
}

test("kinds of pods are counted right, whatever comes and goes", () => {
  const view = cluster([]);
  const names = ["a", "b", "c"];
  // A small generator of numbers, so that a failure comes again.
  let state = 7;
  const draw = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
  for (let step = 0; step < 2000; step++) {
    const where = names[draw(3)]!;
    const what = draw(10);
    if (what === 0) view.removeNode(where);
    else if (what < 3) view.putNode(node(where));
    else if (what < 5) view.removePod(`uid-p${draw(12)}`);
    else view.putPod(seen(pod(`p${draw(12)}`, {}, { labels: { app: `x${draw(3)}` } })), where);
    expect(told(view)).toEqual(counted(view));
  }
  const changed = view.nodes[0]?.copy() ?? cluster([node("a")]).nodes[0]!;
  changed.add(seen(pod("new", {}, { labels: { app: "tried" } })));
  const trial = view.with(changed);
  expect(told(trial)).toEqual(counted(trial));
  expect(told(view)).toEqual(counted(view));
});
