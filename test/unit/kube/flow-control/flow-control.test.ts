import { expect, test } from "bun:test";
import { FlowControl, type Seat } from "../../../../src/kube/flow-control/flow-control.ts";
import { ensureFlowControl } from "../../../../src/kube/flow-control/flow-control-part.ts";
import type { FlowRequest } from "../../../../src/kube/flow-control/request-flow.ts";
import { isStatus } from "../../../../src/kube/status.ts";
import type { FlowSchema, LimitedPriorityLevelConfiguration } from "../../../../src/model/kubernetes/flowcontrol.ts";
import { FLOW_SCHEMAS, PRIORITY_LEVEL_CONFIGURATIONS } from "../../../../src/model/kubernetes/names.ts";
import { createTestCluster, type TestCluster } from "../../../support/test-cluster.ts";

const API_VERSION = "flowcontrol.apiserver.k8s.io/v1";
const PODS: FlowRequest = {
  isResource: true,
  path: "/api/v1/namespaces/default/pods",
  verb: "list",
  group: "",
  namespace: "default",
  resource: "pods",
  subresource: "",
};
const user = (name: string, ...groups: string[]) => ({ name, groups: [...groups, "system:authenticated"] });
const never = new AbortController().signal;
const untold = () => {};

/** A level of so many seats of 600, and a schema that leads `who` to it. */
async function addLevel(
  { client }: TestCluster,
  name: string,
  limited: LimitedPriorityLevelConfiguration,
  who: string,
) {
  await client.resource(PRIORITY_LEVEL_CONFIGURATIONS).create(undefined, {
    apiVersion: API_VERSION,
    kind: "PriorityLevelConfiguration",
    metadata: { name },
    spec: { type: "Limited", limited },
  });
  return await client.resource(FLOW_SCHEMAS).create(undefined, schemaFor(name, who, 50));
}

function schemaFor(name: string, who: string, matchingPrecedence: number): FlowSchema {
  return {
    apiVersion: API_VERSION,
    kind: "FlowSchema",
    metadata: { name },
    spec: {
      matchingPrecedence,
      priorityLevelConfiguration: { name },
      distinguisherMethod: { type: "ByUser" },
      rules: [
        {
          subjects: [{ kind: "Group", group: { name: who } }],
          resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"], clusterScope: true }],
        },
      ],
    },
  };
}

const REJECT = { nominalConcurrencyShares: 1, borrowingLimitPercent: 0, limitResponse: { type: "Reject" } };
const queue = (queueLengthLimit: number) => ({
  nominalConcurrencyShares: 1,
  borrowingLimitPercent: 0,
  limitResponse: { type: "Queue", queuing: { queues: 8, handSize: 1, queueLengthLimit } },
});

/** How an entry ended: "seat", or the failure's code. */
async function outcome(entered: Seat | Promise<Seat>): Promise<string | number> {
  try {
    await entered;
    return "seat";
  } catch (error) {
    if (!isStatus(error, "TooManyRequests")) throw error;
    expect(error.details?.retryAfterSeconds).toBe(1);
    return error.code;
  }
}

test("requests go to the schema of the lowest precedence that speaks of them", async () => {
  await using cluster = await createTestCluster({ builtin: true });
  await ensureFlowControl(cluster.client);
  const control = new FlowControl(cluster.client);
  const schemaOf = async (who: ReturnType<typeof user>, request: Partial<FlowRequest>) => {
    let headers: Readonly<Record<string, string>> = {};
    await control.enter(who, { ...PODS, ...request }, never, (told) => {
      headers = told;
    });
    const uid = headers["X-Kubernetes-PF-FlowSchema-UID"];
    const found = cluster.client
      .informer(FLOW_SCHEMAS)
      .list()
      .find(({ metadata }) => metadata.uid === uid);
    const level = cluster.client
      .informer(PRIORITY_LEVEL_CONFIGURATIONS)
      .get(undefined, found!.spec!.priorityLevelConfiguration.name);
    expect(headers["X-Kubernetes-PF-PriorityLevel-UID"]).toBe(level!.metadata.uid);
    return found!.metadata.name;
  };
  const account = user("system:serviceaccount:kube-system:a", "system:serviceaccounts");
  const lease = { group: "coordination.k8s.io", resource: "leases", verb: "update", namespace: "kube-system" };
  const cases: [ReturnType<typeof user>, Partial<FlowRequest>, string][] = [
    [user("root", "system:masters"), {}, "exempt"],
    [user("jane"), {}, "global-default"],
    [user("jane"), { isResource: false, path: "/healthz", verb: "get" }, "probes"],
    [user("jane"), { isResource: false, path: "/version", verb: "get" }, "global-default"],
    [user("system:node:n", "system:nodes"), {}, "system-nodes"],
    [
      user("system:node:n", "system:nodes"),
      { resource: "nodes", subresource: "status", namespace: "" },
      "system-node-high",
    ],
    [user("system:kube-scheduler"), {}, "kube-scheduler"],
    [account, lease, "system-leader-election"],
    [account, { resource: "configmaps", verb: "get" }, "workload-leader-election"],
    [account, {}, "kube-system-service-accounts"],
    [user("system:serviceaccount:default:a", "system:serviceaccounts"), {}, "service-accounts"],
    [{ name: "system:anonymous", groups: [] }, {}, "catch-all"],
  ];
  for (const [who, request, name] of cases) expect([who.name, await schemaOf(who, request)]).toEqual([who.name, name]);
});

test("a level that rejects serves as many as it has seats, and again when one is free", async () => {
  await using cluster = await createTestCluster({ builtin: true });
  await addLevel(cluster, "small", REJECT, "crowd");
  // 12 seats for 6 shares: two are small's, ten the catch-all's.
  const control = new FlowControl(cluster.client, { seats: 12, patienceMs: 60_000 });
  const enter = () => control.enter(user("a", "crowd"), PODS, never, untold);
  const first = enter() as Seat;
  expect(first).not.toBeInstanceOf(Promise);
  expect(await outcome(enter())).toBe("seat");
  expect(await outcome(enter())).toBe(429);
  expect(await outcome(control.enter(user("b"), PODS, never, untold))).toBe("seat");
  first.release();
  first.release();
  expect(await outcome(enter())).toBe("seat");
  expect(await outcome(enter())).toBe(429);
});

test("a level that queues takes flows in turns; full queues and lost patience are 429", async () => {
  await using cluster = await createTestCluster({ builtin: true });
  await addLevel(cluster, "small", queue(3), "crowd");
  const control = new FlowControl(cluster.client, { seats: 6, patienceMs: 60_000 });
  const enter = (name: string, signal = never) => control.enter(user(name, "crowd"), PODS, signal, untold);
  const holder = enter("a") as Seat;
  const order: string[] = [];
  const seats: Seat[] = [];
  const wait = (name: string) =>
    void Promise.resolve(enter(name)).then((seat) => {
      order.push(name);
      seats.push(seat);
    });
  for (let at = 0; at < 3; at++) wait("a");
  expect(await outcome(enter("a"))).toBe(429);
  // "b" has another queue than "a" (its hand is dealt from its name), and is not kept waiting for all of them.
  wait("b");
  const gone = new AbortController();
  const left = enter("b", gone.signal);
  gone.abort();
  expect(await outcome(left)).toBe(429);
  holder.release();
  for (let served = 1; served <= 4; served++) {
    while (order.length < served) await Bun.sleep(0);
    seats[served - 1]!.release();
  }
  expect(order).toEqual(["a", "b", "a", "a"]);
  const impatient = new FlowControl(cluster.client, { seats: 6, patienceMs: 1 });
  expect(await outcome(impatient.enter(user("a", "crowd"), PODS, never, untold))).toBe("seat");
  expect(await outcome(impatient.enter(user("a", "crowd"), PODS, never, untold))).toBe(429);
});

test("seats that a level lends are used by others up to their limit", async () => {
  await using cluster = await createTestCluster({ builtin: true });
  await addLevel(cluster, "small", { ...REJECT, borrowingLimitPercent: 200 }, "crowd");
  await addLevel(cluster, "large", { ...REJECT, nominalConcurrencyShares: 4, lendablePercent: 75 }, "few");
  // Ten shares, ten seats: one for small, four for large (three to lend), five for the catch-all (none to lend).
  const control = new FlowControl(cluster.client, { seats: 10, patienceMs: 60_000 });
  const enter = (group: string) => outcome(control.enter(user("a", group), PODS, never, untold));
  expect([await enter("crowd"), await enter("crowd"), await enter("crowd")]).toEqual(["seat", "seat", "seat"]);
  expect(await enter("crowd")).toBe(429);
  for (let at = 0; at < 4; at++) expect(await enter("few")).toBe("seat");
  expect(await enter("few")).toBe(429);
});

test("who waits is served when the level grows or becomes exempt; a schema without its level is passed over", async () => {
  await using cluster = await createTestCluster({ builtin: true });
  await addLevel(cluster, "small", { ...queue(3), nominalConcurrencyShares: 0 }, "crowd");
  await cluster.client.resource(FLOW_SCHEMAS).create(undefined, schemaFor("dangling", "crowd", 2));
  const control = new FlowControl(cluster.client, { seats: 6, patienceMs: 60_000 });
  const waiting = control.enter(user("a", "crowd"), PODS, never, untold);
  expect(waiting).toBeInstanceOf(Promise);
  const levels = cluster.client.resource(PRIORITY_LEVEL_CONFIGURATIONS);
  await levels.patch(undefined, "small", "merge", { spec: { limited: { nominalConcurrencyShares: 1 } } });
  expect(await outcome(waiting)).toBe("seat");
  const second = control.enter(user("a", "crowd"), PODS, never, untold);
  await levels.patch(undefined, "small", "merge", { spec: { type: "Exempt", limited: null, exempt: {} } });
  expect(await outcome(second)).toBe("seat");
});
