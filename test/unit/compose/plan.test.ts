/** What `up` and `down` decide to do. */
import { describe, expect, test } from "bun:test";
import type { ObservedContainer, ObservedProject, Plan } from "../../../src/compose/contract.ts";
import { LABELS } from "../../../src/compose/labels.ts";
import { planDown } from "../../../src/compose/plan/plan-down.ts";
import { planStart, planStop } from "../../../src/compose/plan/plan-stop.ts";
import { planUp, type UpWishes } from "../../../src/compose/plan/plan-up.ts";
import { containerHash, resolvedService } from "../../../src/compose/service-containers/references.ts";
import { networkHash, volumeHash } from "../../../src/compose/service-containers/resource-requests.ts";
import { type ProjectModel, projectModel } from "../../../src/compose/service-model.ts";
import type { ImageInspect } from "../../../src/model/image.ts";
import type { Network } from "../../../src/model/network.ts";
import type { Volume } from "../../../src/model/volume.ts";
import { projectOf } from "./project-of.ts";

const WISHES: UpWishes = {
  services: [],
  recreate: "diverged",
  recreateDependencies: "diverged",
  starts: true,
  orphans: "warn",
  scale: {},
  separator: "-",
  lostVolumes: new Set(),
};
const IMAGE = { Id: "sha256:1", Config: {} } as ImageInspect;

const modelOf = async (services: string) => projectModel(await projectOf(`name: p\n${services}`));

/** A project as it is right after `up`. */
function upOf(model: ProjectModel, changes: (container: ObservedContainer) => Partial<ObservedContainer> = () => ({})) {
  const containers: ObservedContainer[] = [];
  const observed = {
    name: "p",
    containers,
    networks: new Map<string, Network>(),
    volumes: new Map<string, Volume>(),
    images: new Map<string, ImageInspect | undefined>([["busybox", IMAGE]]),
  };
  for (const [key, network] of Object.entries(model.networks)) {
    const Labels = { [LABELS.project]: "p", [LABELS.network]: key, [LABELS.configHash]: networkHash(network) };
    observed.networks.set(network.name, { Name: network.name, Id: `id of ${key}`, Labels } as unknown as Network);
  }
  for (const [key, volume] of Object.entries(model.volumes)) {
    const Labels = { [LABELS.project]: "p", [LABELS.volume]: key, [LABELS.configHash]: volumeHash(volume) };
    observed.volumes.set(volume.name, { Name: volume.name, Labels } as unknown as Volume);
  }
  const containersOf = (service: string) => containers.filter((each) => each.service === service);
  for (const [service, wished] of Object.entries(model.services)) {
    for (let number = 1; number <= (wished.scale ?? 1); number++) {
      const hash = containerHash(model.trees[service]!, service, resolvedService(wished, containersOf));
      const container: ObservedContainer = {
        id: `${service}${number}`.padEnd(64, "0"),
        name: wished.container_name ?? `p-${service}-${number}`,
        service,
        number,
        isOneOff: false,
        state: "running",
        health: "none",
        image: "busybox",
        imageId: IMAGE.Id,
        created: number,
        labels: { [LABELS.configHash]: hash, [LABELS.image]: IMAGE.Id },
        networks: Object.fromEntries(
          Object.keys(wished.networks ?? {}).map((key) => [`p_${key}`, { NetworkID: `id of ${key}` }]),
        ),
        mounts: (wished.volumes ?? []).map(({ source, target }) => ({
          Type: "volume",
          Name: model.volumes[source!]?.name,
          Source: "",
          Destination: target!,
          Mode: "",
          RW: true,
          Propagation: "",
        })),
      };
      containers.push({ ...container, ...changes(container) });
    }
  }
  return observed;
}

const nothing = (): ObservedProject => ({
  name: "p",
  containers: [],
  networks: new Map(),
  volumes: new Map(),
  images: new Map([["busybox", IMAGE]]),
});

/** The steps' ids, but for what is kept, each with what it needs. */
function stepsOf(plan: Plan): Record<string, string> {
  const steps = plan.steps.filter(({ action }) => action.kind !== "keep-container");
  return Object.fromEntries(steps.map(({ id, needs }) => [id, [...needs].sort().join(", ")]));
}

/** Every step stands after what it needs. */
function checkOrder(plan: Plan): void {
  const seen = new Set<string>();
  for (const { id, needs } of plan.steps) {
    for (const need of needs) expect([id, need, seen.has(need)]).toEqual([id, need, true]);
    expect(seen.has(id)).toBe(false);
    seen.add(id);
  }
}

const TWO = `
services:
  web: {image: busybox, depends_on: [db]}
  db: {image: busybox, volumes: ["data:/data"]}
volumes: {data: {}}
`;

describe("planUp()", () => {
  test("nothing there: networks, volumes, containers, starts in the order of dependencies", async () => {
    const plan = planUp(await modelOf(TWO), nothing(), WISHES);
    checkOrder(plan);
    expect(stepsOf(plan)).toEqual({
      "network p_default": "",
      "volume p_data": "",
      "container p-db-1": "network p_default, volume p_data",
      "start p-db-1": "container p-db-1",
      "container p-web-1": "network p_default",
      "start p-web-1": "container p-web-1, start p-db-1",
    });
  });

  test("nothing changed: nothing is done", async () => {
    const model = await modelOf(TWO);
    const plan = planUp(model, upOf(model), WISHES);
    expect(stepsOf(plan)).toEqual({});
    expect(plan.steps.map(({ action }) => action.kind)).toEqual(["keep-container", "keep-container"]);
  });

  test("without starting, only what is missing is made", async () => {
    const model = await modelOf(TWO);
    expect(Object.keys(stepsOf(planUp(model, nothing(), { ...WISHES, starts: false })))).toEqual([
      "network p_default",
      "volume p_data",
      "container p-db-1",
      "container p-web-1",
    ]);
  });

  test("conditions become steps that wait, each once", async () => {
    const model = await modelOf(`
services:
  db: {image: busybox}
  a: {image: busybox, depends_on: {db: {condition: service_healthy}}}
  b: {image: busybox, depends_on: {db: {condition: service_healthy}}}
  c: {image: busybox, depends_on: {b: {condition: service_completed_successfully, required: false}}}
`);
    const steps = stepsOf(planUp(model, nothing(), WISHES));
    expect(steps["wait db service_healthy"]).toBe("start p-db-1");
    expect(steps["start p-a-1"]).toBe("container p-a-1, wait db service_healthy");
    expect(steps["start p-c-1"]).toBe("container p-c-1, wait b service_completed_successfully");
  });

  const REASONS: [string, (container: ObservedContainer) => Partial<ObservedContainer>, Partial<UpWishes>, string][] = [
    [
      "a changed hash",
      ({ labels }) => ({ labels: { ...labels, [LABELS.configHash]: "x" } }),
      {},
      "its configuration changed",
    ],
    [
      "another image",
      ({ labels }) => ({ labels: { ...labels, [LABELS.image]: "sha256:0" } }),
      {},
      "its image changed (0 to 1)",
    ],
    ["force", () => ({}), { recreate: "force" }, "wished (--force-recreate)"],
    [
      "another network",
      () => ({ networks: { p_default: { NetworkID: "old" } } }),
      {},
      "it is not on the network p_default",
    ],
    ["no volume", () => ({ mounts: [] }), {}, "it does not have the volume p_data"],
    [
      "a name of an update that was cut off",
      ({ id, name }) => ({ name: `${id.replace(/[^0-9a-f]/g, "0").slice(0, 12)}_${name}` }),
      {},
      "it is left over from an update that was cut off",
    ],
  ];
  test.each(REASONS)("%s makes a container anew", async (_, changes, wishes, reason) => {
    const model = await modelOf("services: {db: {image: busybox, volumes: ['data:/data']}}\nvolumes: {data: {}}");
    const plan = planUp(model, upOf(model, changes), { ...WISHES, ...wishes });
    expect(plan.steps.map((step) => [step.action.kind, step.reason])).toEqual([
      ["recreate-container", reason],
      ["start-container", "it was made anew"],
    ]);
    expect(stepsOf(planUp(model, upOf(model, changes), { ...WISHES, recreate: "never" }))).toEqual({});
  });

  test("only the service named is made anew, unless dependencies are wished too", async () => {
    const model = await modelOf(TWO);
    const wishes: UpWishes = { ...WISHES, services: ["web"], recreate: "force" };
    expect(stepsOf(planUp(model, upOf(model), wishes))["container p-db-1"]).toBeUndefined();
    const all = planUp(model, upOf(model), { ...wishes, recreateDependencies: "force" });
    checkOrder(all);
    expect(stepsOf(all)["container p-web-1"]).toBe("start p-db-1");
  });

  test("who wants to restart with a dependency stops before it is made anew, and starts after it", async () => {
    const model = await modelOf(`
services:
  web: {image: busybox, depends_on: {db: {condition: service_started, restart: true}}}
  db: {image: busybox}
`);
    const changed = upOf(model, ({ service, labels }) =>
      service === "db" ? { labels: { ...labels, [LABELS.configHash]: "x" } } : {},
    );
    const plan = planUp(model, changed, WISHES);
    checkOrder(plan);
    expect(stepsOf(plan)).toEqual({
      "stop p-web-1": "",
      "container p-db-1": "stop p-web-1",
      "start p-db-1": "container p-db-1",
      "start p-web-1": "start p-db-1, stop p-web-1",
    });
  });

  test("who shares a namespace is made anew with its owner, and only then", async () => {
    const model = await modelOf(`
services:
  side: {image: busybox, network_mode: "service:main"}
  main: {image: busybox}
`);
    expect(stepsOf(planUp(model, nothing(), WISHES))["container p-side-1"]).toBe("container p-main-1");
    const plan = planUp(model, upOf(model), { ...WISHES, services: ["main"], recreate: "force" });
    checkOrder(plan);
    const side = plan.steps.find(({ id }) => id === "container p-side-1")!;
    expect(side.reason).toBe("it uses a container of main, which is made anew");
    expect(side.needs).toContain("container p-main-1");
  });

  test("numbers go on after the highest; what is too much goes, out of date and high numbers first", async () => {
    const model = await modelOf("services: {a: {image: busybox, scale: 3}}");
    const more = planUp(model, upOf(model), { ...WISHES, scale: { a: 4 } });
    expect(Object.keys(stepsOf(more))).toEqual(["container p-a-4", "start p-a-4"]);
    const outdated = upOf(model, ({ number, labels }) =>
      number === 1 ? { labels: { ...labels, [LABELS.configHash]: "x" } } : {},
    );
    expect(Object.keys(stepsOf(planUp(model, outdated, { ...WISHES, scale: { a: 2 } })))).toEqual(["remove p-a-1"]);
    expect(Object.keys(stepsOf(planUp(model, upOf(model), { ...WISHES, scale: { a: 0 } })))).toEqual([
      "remove p-a-1",
      "remove p-a-2",
      "remove p-a-3",
    ]);
  });

  test("replicas of a server go in two groups, with a check each new one first", async () => {
    const force: UpWishes = { ...WISHES, recreate: "force" };
    const served = await modelOf("services: {a: {image: busybox, scale: 2, expose: ['80']}}");
    const plan = planUp(served, upOf(served), force);
    checkOrder(plan);
    expect(stepsOf(plan)).toEqual({
      "container p-a-1": "",
      "start p-a-1": "container p-a-1",
      "ready p-a-1": "start p-a-1",
      "delay ready p-a-1": "ready p-a-1",
      "container p-a-2": "delay ready p-a-1",
      "start p-a-2": "container p-a-2",
    });
    const checked = await modelOf("services: {a: {image: busybox, healthcheck: {test: 'true'}}}");
    const actions = planUp(checked, upOf(checked), force).steps.map(({ action }) => action);
    expect(actions).toMatchObject([{ kind: "recreate-container", order: "start-first" }]);
  });

  const ORDERS: [string, string, string][] = [
    ["a check and nothing shared", "healthcheck: {test: 'true'}", "start-first"],
    ["no check", "expose: ['80']", "stop-first"],
    ["a check that is switched off", "healthcheck: {disable: true}", "stop-first"],
    ["files that it writes", "healthcheck: {test: 'true'}, volumes: ['/data']", "stop-first"],
    ["files that it reads", "healthcheck: {test: 'true'}, volumes: ['./x:/data:ro']", "start-first"],
    ["what it says itself", "volumes: ['/data'], deploy: {update_config: {order: start-first}}", "start-first"],
    [
      "what it says itself, too",
      "healthcheck: {test: 'true'}, deploy: {update_config: {order: stop-first}}",
      "stop-first",
    ],
    [
      "an address that only one can have",
      "healthcheck: {test: 'true'}, networks: {n: {ipv4_address: 10.9.0.2}}",
      "stop-first",
    ],
    ["the host's network", "healthcheck: {test: 'true'}, network_mode: host", "stop-first"],
  ];
  test.each(ORDERS)("update with %s", async (_, keys, order) => {
    const model = await modelOf(`services: {a: {image: busybox, ${keys}}}\nnetworks: {n: {}}`);
    const plan = planUp(model, upOf(model), { ...WISHES, recreate: "force" });
    expect(plan.steps[0]!.action).toMatchObject({ kind: "recreate-container", order });
  });

  const FAILURES: [string, number, boolean][] = [
    ["", 0, false],
    ["max_failure_ratio: 0.5", 2, false],
    ["max_failure_ratio: 0.3, failure_action: rollback", 1, true],
    ["failure_action: continue", 4, false],
    ["failure_action: pause", 0, false],
  ];
  test.each(FAILURES)("update_config {%s} tolerates %d failures", async (config, tolerated, rollsBack) => {
    const model = await modelOf(`services: {a: {image: busybox, scale: 4, deploy: {update_config: {${config}}}}}`);
    const { steps } = planUp(model, upOf(model), { ...WISHES, recreate: "force" });
    const actionOf = (id: string) => steps.find((step) => step.id === id)!.action;
    expect(actionOf("container p-a-1")).toMatchObject({ failure: { tolerated, rollsBack } });
    expect(actionOf("ready p-a-1")).toMatchObject({ kind: "wait", isRequired: true, tolerated });
    expect(Reflect.get(actionOf("start p-a-1"), "tolerated") ?? 0).toBe(tolerated);
  });

  test("update_config says how many at once, and the pause between", async () => {
    const model = await modelOf(
      "services: {a: {image: busybox, scale: 4, deploy: {update_config: {parallelism: 2, delay: 3s}}}}",
    );
    const plan = planUp(model, upOf(model), { ...WISHES, recreate: "force" });
    checkOrder(plan);
    expect(stepsOf(plan)["container p-a-3"]).toBe("delay ready p-a-1 p-a-2");
    expect(plan.steps.find(({ id }) => id.startsWith("delay"))!.action).toMatchObject({ seconds: 3 });
  });

  test("what is watched, or may come back, is waited for after the last group too", async () => {
    const model = await modelOf(
      "services: {a: {image: busybox, deploy: {update_config: {monitor: 2s, failure_action: rollback}}}}",
    );
    const plan = planUp(model, upOf(model), { ...WISHES, recreate: "force" });
    checkOrder(plan);
    expect(stepsOf(plan)).toEqual({
      "container p-a-1": "",
      "start p-a-1": "container p-a-1",
      "ready p-a-1": "start p-a-1",
      "delay ready p-a-1": "ready p-a-1",
      "monitored p-a-1": "delay ready p-a-1",
      "finish p-a-1": "monitored p-a-1",
    });
  });

  test("a changed network is made anew with the containers on it", async () => {
    const before = await modelOf(TWO);
    const model = await modelOf(`${TWO}networks: {default: {labels: {a: b}}}`);
    const plan = planUp(model, upOf(before), WISHES);
    checkOrder(plan);
    expect(plan.steps[0]!.action.kind).toBe("recreate-network");
    expect(stepsOf(plan)["container p-web-1"]).toBe("network p_default, start p-db-1");
  });

  test("a changed volume stays unless its data may go", async () => {
    const before = await modelOf(TWO);
    const model = await modelOf(TWO.replace("{data: {}}", "{data: {labels: {a: b}}}"));
    expect(stepsOf(planUp(model, upOf(before), WISHES))).toEqual({});
    const plan = planUp(model, upOf(before), { ...WISHES, lostVolumes: new Set(["p_data"]) });
    checkOrder(plan);
    expect(stepsOf(plan)).toEqual({
      "volume p_data": "",
      "container p-db-1": "volume p_data",
      "start p-db-1": "container p-db-1",
    });
  });

  test("orphans are told, removed or passed over; services left out are none", async () => {
    const before = await modelOf(TWO);
    const model = {
      ...(await modelOf("services: {db: {image: busybox, volumes: ['data:/data']}}\nvolumes: {data: {}}")),
    };
    const observed = upOf(before);
    const plan = (orphans: UpWishes["orphans"]) => planUp(model, observed, { ...WISHES, orphans });
    expect(plan("warn").warnings.join()).toContain("Found orphan containers ([p-web-1])");
    expect(stepsOf(plan("remove"))).toEqual({ "remove p-web-1": "" });
    expect(plan("ignore")).toMatchObject({ warnings: [] });
    expect(planUp({ ...model, disabled: ["web"] }, observed, WISHES).warnings).toEqual([]);
  });

  const REFUSED: [string, string, string][] = [
    [
      "external network",
      "services: {a: {image: b, networks: [n]}}\nnetworks: {n: {external: true}}",
      "network n declared as external, but could not be found",
    ],
    [
      "external volume",
      "services: {a: {image: b, volumes: ['vol:/v']}}\nvolumes: {vol: {external: true}}",
      'external volume "vol" not found',
    ],
    ["provider", "services: {a: {provider: {type: x}}}", 'provider "x" was not called'],
    ["credential_spec", "services: {a: {image: b, credential_spec: {file: c}}}", "for Windows containers"],
  ];
  test.each(REFUSED)("refused: %s", async (_, text, words) => {
    const model = await modelOf(text);
    expect(() => planUp(model, nothing(), WISHES)).toThrow(words);
  });

  test("refused: several containers of one name", async () => {
    const model = await modelOf("services: {a: {image: b, container_name: cc}}");
    expect(() => planUp(model, nothing(), { ...WISHES, scale: { a: 2 } })).toThrow("Remove the custom name to scale");
  });
});

describe("planDown(), planStop(), planStart()", () => {
  const down = { services: [], removesOrphans: false, volumes: false, images: "none", separator: "-" } as const;

  test("dependents go first, then networks, volumes and images", async () => {
    const model = await modelOf(TWO);
    const plan = planDown("p", model, upOf(model), { ...down, volumes: true, images: "all" });
    expect(stepsOf(plan)).toEqual({
      "remove p-db-1": "remove p-web-1",
      "remove p-web-1": "",
      "network p_default": "remove p-db-1, remove p-web-1",
      "volume p_data": "remove p-db-1, remove p-web-1",
      "image busybox": "remove p-db-1, remove p-web-1",
    });
  });

  test("without files the labels tell", async () => {
    const model = await modelOf(TWO);
    const observed = upOf(model, ({ service, labels }) => ({
      labels: { ...labels, [LABELS.dependsOn]: service === "web" ? "db:service_started:false" : "" },
    }));
    const plan = planDown("p", undefined, observed, { ...down, volumes: true });
    expect(stepsOf(plan)["remove p-db-1"]).toBe("remove p-web-1");
    expect(Object.keys(stepsOf(plan))).toContain("volume p_data");
  });

  test("services that were named go without networks", async () => {
    const model = await modelOf(TWO);
    expect(Object.keys(stepsOf(planDown("p", model, upOf(model), { ...down, services: ["web"] })))).toEqual([
      "remove p-web-1",
    ]);
  });

  test("nothing there is told", async () => {
    expect(planDown("p", undefined, nothing(), down).warnings).toEqual([
      'No resource found to remove for project "p".',
    ]);
  });

  test("stops follow dependencies also through services that do not run", async () => {
    const model = await modelOf(`
services:
  web: {image: busybox, depends_on: [job]}
  job: {image: busybox, depends_on: [db]}
  db: {image: busybox}
`);
    const running = upOf(model).containers.filter(({ service }) => service !== "job");
    expect(stepsOf(planStop("p", running, model))["stop p-db-1"]).toBe("stop p-web-1");
    const stopped = upOf(model, () => ({ state: "exited" })).containers;
    expect(stepsOf(planStart("p", stopped, model))["start p-web-1"]).toBe("start p-job-1");
  });
});
