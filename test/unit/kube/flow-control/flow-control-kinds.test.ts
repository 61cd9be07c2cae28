import { expect, test } from "bun:test";
import { handOf } from "../../../../src/kube/flow-control/fair-queues.ts";
import { ensureFlowControl, flowControlPart } from "../../../../src/kube/flow-control/flow-control-part.ts";
import { flowSchemas, priorityLevelConfigurations } from "../../../../src/kube/resources/flow-control.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "../../../../src/model/kubernetes/flowcontrol.ts";
import { FLOW_SCHEMAS, PRIORITY_LEVEL_CONFIGURATIONS } from "../../../../src/model/kubernetes/names.ts";
import { createTestCluster } from "../../../support/test-cluster.ts";

const SUBJECT = { kind: "User", user: { name: "u" } };
const RULE = { verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] };

function schema(spec: object, name = "one"): FlowSchema {
  const whole = { priorityLevelConfiguration: { name: "l" }, ...spec };
  return { apiVersion: "flowcontrol.apiserver.k8s.io/v1", kind: "FlowSchema", metadata: { name }, spec: whole };
}

function level(spec: object, name = "one"): PriorityLevelConfiguration {
  return {
    apiVersion: "flowcontrol.apiserver.k8s.io/v1",
    kind: "PriorityLevelConfiguration",
    metadata: { name },
    spec: spec as PriorityLevelConfiguration["spec"],
  };
}

const limited = (more: object) => level({ type: "Limited", limited: { limitResponse: { type: "Reject" }, ...more } });
const queuing = (sizes: object) => limited({ limitResponse: { type: "Queue", queuing: sizes } });

test("what is wrong with a flow schema is told in Kubernetes' words", () => {
  const rules = (rule: object) => schema({ rules: [rule] });
  const table: [FlowSchema, string[]][] = [
    [rules({ subjects: [SUBJECT], resourceRules: [RULE] }), []],
    [schema({ matchingPrecedence: 10_001 }), ["spec.matchingPrecedence"]],
    [schema({ matchingPrecedence: 1 }), ["spec.matchingPrecedence"]],
    [schema({}, "exempt"), ["spec"]],
    [schema({ distinguisherMethod: { type: "ByMoon" } }), ["spec.distinguisherMethod"]],
    [schema({ priorityLevelConfiguration: {} }), ["spec.priorityLevelConfiguration.name"]],
    [rules({ subjects: [], resourceRules: [RULE] }), ["spec.rules[0].subjects"]],
    [rules({ subjects: [SUBJECT] }), ["spec.rules[0]"]],
    [
      rules({ subjects: [SUBJECT], resourceRules: [{ ...RULE, verbs: ["*", "get"] }] }),
      ["spec.rules[0].resourceRules[0].verbs"],
    ],
    [
      rules({ subjects: [SUBJECT], resourceRules: [{ ...RULE, namespaces: [] }] }),
      ["spec.rules[0].resourceRules[0].namespaces"],
    ],
    [
      rules({ subjects: [SUBJECT], nonResourceRules: [{ verbs: ["get"], nonResourceURLs: [] }] }),
      ["spec.rules[0].nonResourceRules[0].nonResourceURLs"],
    ],
    [rules({ subjects: [{ kind: "Robot" }], resourceRules: [RULE] }), ["spec.rules[0].subjects[0].kind"]],
    [rules({ subjects: [{ kind: "Group" }], resourceRules: [RULE] }), ["spec.rules[0].subjects[0].group"]],
    [
      rules({ subjects: [{ ...SUBJECT, group: { name: "g" } }], resourceRules: [RULE] }),
      ["spec.rules[0].subjects[0].group"],
    ],
    [
      rules({ subjects: [{ kind: "ServiceAccount", serviceAccount: { name: "s" } }], resourceRules: [RULE] }),
      ["spec.rules[0].subjects[0].serviceAccount.namespace"],
    ],
  ];
  for (const [object, fields] of table) {
    flowSchemas.defaults!(object);
    expect(flowSchemas.validate!(object).map(({ field }) => field)).toEqual(fields);
  }
});

test("what is wrong with a priority level is told in Kubernetes' words", () => {
  const response = "spec.limited.limitResponse";
  const table: [PriorityLevelConfiguration, string[]][] = [
    [limited({}), []],
    [queuing({}), []],
    [level({ type: "Exempt" }), []],
    [level({ type: "Exempt" }, "catch-all"), ["spec"]],
    [level({ type: "Exempt", exempt: { lendablePercent: 50 } }, "exempt"), []],
    [level({ type: "Endless" }), ["spec.type"]],
    [level({ type: "Limited" }), ["spec.limited"]],
    [level({ type: "Exempt", limited: {} }), ["spec.limited"]],
    [limited({ nominalConcurrencyShares: -1 }), ["spec.limited.nominalConcurrencyShares"]],
    [limited({ lendablePercent: 101 }), ["spec.limited.lendablePercent"]],
    [limited({ borrowingLimitPercent: -1 }), ["spec.limited.borrowingLimitPercent"]],
    [limited({ limitResponse: { type: "Shrug" } }), [`${response}.type`]],
    [limited({ limitResponse: { type: "Queue" } }), [`${response}.queuing`]],
    [limited({ limitResponse: { type: "Reject", queuing: {} } }), [`${response}.queuing`]],
    [queuing({ queues: 4, handSize: 5 }), [`${response}.queuing.handSize`]],
    [queuing({ queues: 10_000_000, handSize: 3 }), [`${response}.queuing.handSize`]],
    [queuing({ queueLengthLimit: 0 }), [`${response}.queuing.queueLengthLimit`]],
  ];
  for (const [object, fields] of table) {
    priorityLevelConfigurations.defaults!(object);
    expect(priorityLevelConfigurations.validate!(object).map(({ field }) => field)).toEqual(fields);
  }
});

test("a hand holds different queues, always the same", () => {
  for (const flow of ["a", "b", "c\nd"]) {
    const hand = handOf(flow, { queues: 8, handSize: 8, queueLengthLimit: 1 });
    expect([...hand].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(handOf(flow, { queues: 8, handSize: 8, queueLengthLimit: 1 })).toEqual(hand);
  }
});

test("default objects come back, follow the defaults when they say so, and schemas know whether their level is there", async () => {
  await using cluster = await createTestCluster({ builtin: true });
  const { client } = cluster;
  await ensureFlowControl(client);
  await ensureFlowControl(client);
  const schemas = client.resource(FLOW_SCHEMAS);
  const levels = client.resource(PRIORITY_LEVEL_CONFIGURATIONS);
  expect((await levels.list()).items.map(({ metadata }) => metadata.name)).toEqual([
    "catch-all",
    "exempt",
    "global-default",
    "leader-election",
    "node-high",
    "system",
    "workload-high",
    "workload-low",
  ]);
  const ending = new AbortController();
  const failures: string[] = [];
  const ended = flowControlPart({ client, now: Date.now, log: (message) => failures.push(message) }).run(ending.signal);
  const until = async (holds: () => boolean) => {
    for (let turn = 0; !holds() && turn < 5000; turn++) await Bun.sleep(1);
    expect(holds()).toBe(true);
  };
  const dangling = (name: string) =>
    client.informer(FLOW_SCHEMAS).get(undefined, name)?.status?.conditions?.[0]?.status;
  await until(() => dangling("catch-all") === "False");
  const { metadata } = await schemas.get(undefined, "catch-all");
  await schemas.delete(undefined, "catch-all");
  await until(
    () => (client.informer(FLOW_SCHEMAS).get(undefined, "catch-all")?.metadata.uid ?? metadata.uid) !== metadata.uid,
  );
  const sharesOf = (name: string) =>
    client.informer(PRIORITY_LEVEL_CONFIGURATIONS).get(undefined, name)?.spec?.limited?.nominalConcurrencyShares;
  const change = { spec: { limited: { nominalConcurrencyShares: 77 } } };
  await levels.patch(undefined, "system", "merge", {
    metadata: { annotations: { "apf.kubernetes.io/autoupdate-spec": "false" } },
    ...change,
  });
  await levels.patch(undefined, "node-high", "merge", change);
  await until(() => sharesOf("node-high") === 40);
  expect(sharesOf("system")).toBe(77);
  await schemas.create(undefined, schema({ priorityLevelConfiguration: { name: "late" } }, "waiting"));
  await until(() => dangling("waiting") === "True");
  await levels.create(undefined, { ...limited({}), metadata: { name: "late" } });
  await until(() => dangling("waiting") === "False");
  ending.abort();
  await ended;
  expect(failures).toEqual([]);
});
