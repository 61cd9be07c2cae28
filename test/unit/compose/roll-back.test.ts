/** How old containers come back after an update that failed: `deploy.rollback_config`. */
import { expect, test } from "bun:test";
import type { ComposeEngine, ObservedContainer } from "../../../src/compose/contract.ts";
import { rollBack } from "../../../src/compose/run/roll-back.ts";
import { LiveContainers, type RunContext } from "../../../src/compose/run/run-context.ts";
import type { RolloutModel } from "../../../src/compose/service-model.ts";

/** Two containers of a service to bring back; `failing` are those that do not start. */
async function roll(config: RolloutModel | undefined, failing: readonly string[] = [], complaint = "broken") {
  const calls: string[] = [];
  const warnings: string[] = [];
  const isThere = new Set(["new1", "new2"]);
  const engine = {
    async startContainer(id: string) {
      calls.push(`start ${id}`);
      if (failing.includes(id) && (complaint === "broken" || isThere.has(id.replace("old", "new"))))
        throw new Error(complaint);
    },
    async removeContainer(id: string) {
      calls.push(`remove ${id}`);
      isThere.delete(id);
    },
    async renameContainer(id: string, name: string) {
      calls.push(`rename ${id} ${name}`);
    },
    async inspectContainer() {
      calls.push("inspect");
      return { State: { Running: true } };
    },
  } as unknown as ComposeEngine;
  const observed = { name: "p", containers: [], networks: new Map(), volumes: new Map(), images: new Map() };
  const kept = [1, 2].map((number) => ({
    old: { id: `old${number}`, name: `p-a-${number}`, service: "a", number, state: "running" } as ObservedContainer,
    replacement: { id: `new${number}`, name: `p-a-${number}`, service: "a", number },
  }));
  const deploy = config === undefined ? undefined : { rollback_config: config };
  await rollBack({
    engine,
    project: { services: { a: { deploy } } },
    projectName: "p",
    observed,
    options: { separator: "-", onProgress: () => {}, warn: (text: string) => void warnings.push(text), parallel: 0 },
    live: new LiveContainers(observed),
    kept,
    failed: new Map(),
  } as unknown as RunContext);
  return { calls, warnings };
}

const back = (number: number) => [`remove new${number}`, `rename old${number} p-a-${number}`, `start old${number}`];

test("without rollback_config all come back at once, each as far as it goes", async () => {
  const { calls, warnings } = await roll(undefined, ["old1"]);
  expect(calls.slice(0, 2)).toEqual(["remove new1", "remove new2"]);
  expect(calls.toSorted()).toEqual([...back(1), ...back(2)].toSorted());
  expect(warnings).toEqual(["p-a-1 could not be brought back: broken"]);
});

test("one after the other, and not on after a failure, unless that is wished", async () => {
  expect((await roll({})).calls).toEqual([...back(1), ...back(2)]);
  const stopped = await roll({ parallelism: 1 }, ["old1"]);
  expect(stopped.calls).toEqual(back(1));
  expect(stopped.warnings.at(-1)).toContain("not brought back: p-a-2");
  for (const config of [{ failure_action: "continue" }, { max_failure_ratio: 0.5 }])
    expect((await roll(config, ["old1"])).calls).toEqual([...back(1), ...back(2)]);
});

test("parallelism 0 is all at once", async () => {
  expect((await roll({ parallelism: 0 })).calls.slice(0, 2)).toEqual(["remove new1", "remove new2"]);
});

test("start-first starts the old one beside the new one, where the engine lets both have the port", async () => {
  const beside = await roll({ order: "start-first" });
  expect(beside.calls.slice(0, 3)).toEqual(["start old1", "remove new1", "rename old1 p-a-1"]);
  const taken = await roll({ order: "start-first" }, ["old1"], "Bind: port is already allocated");
  expect(taken.calls.slice(0, 4)).toEqual(["start old1", ...back(1)]);
  expect(taken.warnings).toEqual([]);
});
