/** Scaling of a service over an engine that only pretends: what is looked at, and when hands are kept off. */
import { afterEach, expect, test } from "bun:test";
import { autoscaleOf } from "../../../src/compose/automation/autoscale.ts";
import { AutoscaledService, type ScalingRecord } from "../../../src/compose/automation/autoscaled-service.ts";
import type { ComposeEngine } from "../../../src/compose/contract.ts";
import { projectModel } from "../../../src/compose/service-model.ts";
import type { ContainerSummary } from "../../../src/model/container.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { projectOf } from "./project-of.ts";

const MB = 1024 ** 2;
const running: AutoscaledService[] = [];
afterEach(() => {
  for (const one of running.splice(0)) one.stop();
});

/** An engine with these containers of the service, in these states. */
function fakeEngine(states: Record<number, string>) {
  const containers = (): ContainerSummary[] =>
    Object.entries(states).map(
      ([number, state]) =>
        ({
          ...{ Id: `web${number}`, Names: [`/p-web-${number}`], State: state, Status: "", Image: "i", ImageID: "i" },
          Labels: {
            "com.docker.compose.project": "p",
            "com.docker.compose.service": "web",
            "com.docker.compose.container-number": number,
          },
        }) as unknown as ContainerSummary,
    );
  const numberOf = (id: string) => Number(id.replace(/\D/g, ""));
  const engine = {
    listContainers: async () => containers(),
    listNetworks: async () => [
      {
        Name: "p_default",
        Id: "n",
        Labels: { "com.docker.compose.project": "p", "com.docker.compose.network": "default" },
      },
    ],
    listVolumes: async () => [],
    inspectImage: async () => ({ Id: "i", Config: {} }),
    createContainer: async (name: string) => {
      states[numberOf(name)] = "created";
      return { Id: `web${numberOf(name)}`, Warnings: [] };
    },
    startContainer: async (id: string) => {
      states[numberOf(id)] = "running";
    },
    stopContainer: async () => {},
    removeContainer: async (id: string) => {
      delete states[numberOf(id)];
    },
  } as unknown as ComposeEngine;
  return engine;
}

/** A service of 1 to 4 containers that wants 10 MB in each. */
async function autoscaled(states: Record<number, string>, memoryMb: () => number, isHeld = () => false) {
  const project = await projectOf(
    "name: p\nservices: { web: { image: i, x-naru-autoscale: { max: 4, target: { memory: 10M }, interval: 1s, down_after: 1s } } }",
  );
  const model = projectModel(project);
  let looks = 0;
  let isGone = false;
  const service = new AutoscaledService(
    {
      engine: fakeEngine(states),
      records: new MemoryStore().collection<ScalingRecord>("scalings"),
      readLoad: async () => ({ cpuNs: 0, memoryBytes: memoryMb() * MB }),
      log: { info: () => {}, warn: (message) => expect(message).toBe("") },
      isHeld: () => {
        looks++;
        return isHeld();
      },
      onGone: () => {
        isGone = true;
      },
    },
    model,
    "web",
    autoscaleOf("web", model.trees.web!)!,
  );
  running.push(service);
  service.start();
  /** Resolves after the first look. */
  const looked = async () => {
    while (looks === 0) await Bun.sleep(1);
    await service.settled();
  };
  return { service, looked, isGone: () => isGone };
}

test("a load makes containers beside those that are there, and is told", async () => {
  const states = { 1: "running" };
  const { service, looked } = await autoscaled(states, () => 25);
  await looked();
  expect(states).toEqual({ 1: "running", 2: "running", 3: "running" } as never);
  expect(service.status()).toMatchObject({
    ...{ project: "p", service: "web", replicas: 3, load: "memory 25 MiB a replica, wanted 10 MiB" },
    changes: [{ from: 1, to: 3, reason: "memory 25 MiB a replica, wanted 10 MiB" }],
  });
});

test.each<[string, Record<number, string>, boolean]>([
  ["that was stopped stays so", { 1: "exited" }, false],
  ["of which some containers rest may be changed by somebody", { 1: "running", 2: "exited" }, false],
  ["that a client changes is left alone", { 1: "running" }, true],
])("a service %s", async (_, states, isHeld) => {
  const before = structuredClone(states);
  const { looked, service } = await autoscaled(
    states,
    () => 25,
    () => isHeld,
  );
  await looked();
  expect(states).toEqual(before);
  expect(service.status().changes).toEqual([]);
});

test("a project of which nothing is left is given up", async () => {
  const { looked, isGone } = await autoscaled({}, () => 25);
  await looked();
  while (!isGone()) await Bun.sleep(1);
});
