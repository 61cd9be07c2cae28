import { describe, expect, test } from "bun:test";
import type { ClusterView } from "../../../../src/kube/scheduler/cluster-view.ts";
import { NODE_FILTERS } from "../../../../src/kube/scheduler/node-filters.ts";
import { enoughNodes, placePod, refusalMessage } from "../../../../src/kube/scheduler/place-pod.ts";
import { requestsOf } from "../../../../src/kube/scheduler/pod-demand.ts";
import { POD_FILTERS } from "../../../../src/kube/scheduler/pod-filters.ts";
import type { PodSpec } from "../../../../src/model/kubernetes/core.ts";
import { asking, cluster, node, pod, seen } from "./fixtures.ts";

const FILTERS = [...NODE_FILTERS, ...POD_FILTERS];

/** The node's name, or why there is none. */
function placed(one: ReturnType<typeof pod>, view: ClusterView): string {
  const placement = placePod(seen(one), view, FILTERS, { random: () => 0 });
  return placement.node === undefined ? refusalMessage(view.nodes.length, placement.refusals) : placement.node.name;
}

const web = { app: "web" };
const onHost = (labelSelector = { matchLabels: web }) => ({ topologyKey: "kubernetes.io/hostname", labelSelector });
const antiAffinity: Partial<PodSpec> = {
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [onHost()] } },
};
const affinity: Partial<PodSpec> = {
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [onHost()] } },
};

describe("filters", () => {
  const two = () => [node("a"), node("b", { cpu: "1" })];
  test.each<[string, ReturnType<typeof pod>, ClusterView, string]>([
    ["no node at all", pod("p"), cluster([]), "no nodes available to schedule pods"],
    ["cpu", pod("p", asking({ cpu: "2" })), cluster(two()), "a"],
    ["too much cpu", pod("p", asking({ cpu: "5" })), cluster(two()), "0/2 nodes are available: 2 Insufficient cpu."],
    [
      "what others took",
      pod("p", asking({ memory: "5Gi" })),
      cluster([node("a")], [[pod("q", asking({ memory: "4Gi" })), "a"]]),
      "0/1 nodes are available: 1 Insufficient memory.",
    ],
    [
      "an unknown resource",
      pod("p", asking({ "example.com/gpu": "1" })),
      cluster([node("a")]),
      "0/1 nodes are available: 1 Insufficient example.com/gpu.",
    ],
    [
      "too many pods",
      pod("p"),
      cluster([node("a", { pods: "1" })], [[pod("q"), "a"]]),
      "0/1 nodes are available: 1 Too many pods.",
    ],
    [
      "taints and cordons",
      pod("p"),
      cluster([
        node("a", { taints: [{ key: "k", value: "v", effect: "NoSchedule" }] }),
        node("b", { unschedulable: true }),
      ]),
      "0/2 nodes are available: 1 node(s) had untolerated taint {k: v}, 1 node(s) were unschedulable.",
    ],
    [
      "a toleration",
      pod("p", { tolerations: [{ key: "k", operator: "Exists" }] }),
      cluster([node("a", { taints: [{ key: "k", value: "v", effect: "NoExecute" }] })]),
      "a",
    ],
    [
      "node selector",
      pod("p", { nodeSelector: { disk: "ssd" } }),
      cluster([node("a"), node("b", { labels: { disk: "ssd" } })]),
      "b",
    ],
    [
      "node affinity by field",
      pod("p", {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["zzz"] }] }],
            },
          },
        },
      }),
      cluster([node("a")]),
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    ],
    [
      "host ports",
      pod("p", { containers: [{ name: "c", ports: [{ containerPort: 1, hostPort: 80 }] }] }),
      cluster(
        [node("a")],
        [
          [
            pod("q", { containers: [{ name: "c", ports: [{ containerPort: 2, hostPort: 80, hostIP: "10.0.0.1" }] }] }),
            "a",
          ],
        ],
      ),
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    ],
    [
      "the same port of another protocol",
      pod("p", { containers: [{ name: "c", ports: [{ containerPort: 1, hostPort: 80, protocol: "UDP" }] }] }),
      cluster(
        [node("a")],
        [[pod("q", { containers: [{ name: "c", ports: [{ containerPort: 2, hostPort: 80 }] }] }), "a"]],
      ),
      "a",
    ],
    [
      "anti-affinity",
      pod("p", antiAffinity, { labels: web }),
      cluster([node("a"), node("b")], [[pod("q", {}, { labels: web }), "a"]]),
      "b",
    ],
    [
      "anti-affinity of those that are there",
      pod("p", {}, { labels: web }),
      cluster([node("a")], [[pod("q", antiAffinity, { labels: web }), "a"]]),
      "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
    ],
    [
      "anti-affinity of another namespace does not count",
      pod("p", {}, { labels: web, namespace: "other" }),
      cluster([node("a")], [[pod("q", antiAffinity, { labels: web }), "a"]]),
      "a",
    ],
    ["affinity", pod("p", affinity), cluster([node("a"), node("b")], [[pod("q", {}, { labels: web }), "b"]]), "b"],
    ["the first of a group", pod("p", affinity, { labels: web }), cluster([node("a")]), "a"],
    [
      "affinity to nobody",
      pod("p", affinity),
      cluster([node("a")]),
      "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
    ],
  ])("%s", (_name, one, view, expected) => {
    expect(placed(one, view)).toBe(expected);
  });

  test("terms that select namespaces by their labels", () => {
    const term = { ...onHost(), namespaceSelector: { matchLabels: { team: "x" } } };
    const spec = { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } };
    const there = pod("q", {}, { labels: web, namespace: "far" });
    const one = pod("p", spec);
    expect(placed(one, cluster([node("a")], [[there, "a"]], { far: { team: "x" } }))).toContain("anti-affinity rules");
    expect(placed(one, cluster([node("a")], [[there, "a"]], { far: { team: "y" } }))).toBe("a");
  });
});

describe("topology spread", () => {
  const zones = () => [
    node("a1", { labels: { zone: "a" } }),
    node("a2", { labels: { zone: "a" } }),
    node("b1", { labels: { zone: "b" } }),
  ];
  const spread = (more: object = {}): Partial<PodSpec> => ({
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "zone",
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector: { matchLabels: web },
        ...more,
      },
    ],
  });
  const one = (name: string, spec = spread()) => pod(name, spec, { labels: web });

  test("the fuller zone is refused", () => {
    expect(placed(one("p"), cluster(zones(), [[one("q"), "a1"]]))).toBe("b1");
  });
  test("a pod that is ending does not count", () => {
    const ending = one("q");
    ending.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
    const view = cluster(
      [node("a1", { labels: { zone: "a" } }), node("b1", { labels: { zone: "b" }, cpu: "0" })],
      [[ending, "a1"]],
    );
    expect(placed(pod("p", { ...spread(), ...asking({ cpu: "1" }) }, { labels: web }), view)).toBe("a1");
  });
  test("a node without the label is refused", () => {
    expect(placed(one("p"), cluster([node("x")]))).toBe(
      "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label).",
    );
  });
  test("with too few domains the least is nothing", () => {
    const view = cluster([node("a1", { labels: { zone: "a" } })], [[one("q"), "a1"]]);
    expect(placed(one("p"), view)).toBe("a1");
    expect(placed(one("p", spread({ minDomains: 2 })), view)).toContain("topology spread constraints");
  });
  test("only pods of the same revision count with matchLabelKeys", () => {
    const older = pod("q", {}, { labels: { ...web, hash: "1" } });
    const spec = { ...spread({ matchLabelKeys: ["hash"] }), nodeSelector: { zone: "a" } };
    const view = cluster(zones(), [[older, "a1"]]);
    expect(placed(pod("p", spec, { labels: { ...web, hash: "2" } }), view)).toMatch(/^a/);
  });
  test("a wish only weighs", () => {
    const soft = spread({ whenUnsatisfiable: "ScheduleAnyway" });
    expect(placed(one("p", soft), cluster(zones(), [[one("q"), "a1"]]))).toBe("b1");
  });
});

describe("scores", () => {
  test("the emptier node", () => {
    expect(
      placed(
        pod("p", asking({ cpu: "1" })),
        cluster([node("a"), node("b")], [[pod("q", asking({ cpu: "2", memory: "4Gi" })), "a"]]),
      ),
    ).toBe("b");
  });
  test("siblings keep away from each other", () => {
    const placedOnes: [ReturnType<typeof pod>, string][] = [
      [pod("q", {}, { owner: "rs" }), "a"],
      [pod("r", {}, { owner: "other" }), "b"],
    ];
    expect(placed(pod("p", {}, { owner: "rs" }), cluster([node("a"), node("b")], placedOnes))).toBe("b");
  });
  test("preferred node affinity, soft taints, preferred pod affinity", () => {
    const preferNode: Partial<PodSpec> = {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 50, preference: { matchExpressions: [{ key: "disk", operator: "In", values: ["ssd"] }] } },
          ],
        },
      },
    };
    expect(placed(pod("p", preferNode), cluster([node("a"), node("b", { labels: { disk: "ssd" } })]))).toBe("b");
    const soft = { key: "k", effect: "PreferNoSchedule" };
    expect(placed(pod("p"), cluster([node("a", { taints: [soft] }), node("b")]))).toBe("b");
    const near: Partial<PodSpec> = {
      affinity: {
        podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: onHost() }] },
      },
    };
    expect(placed(pod("p", near), cluster([node("a"), node("b")], [[pod("q", {}, { labels: web }), "b"]]))).toBe("b");
  });
});

test("requests: init containers count beside the sidecars before them, side by side ones add up", () => {
  const container = (name: string, cpu: string, restartPolicy?: string) => ({
    name,
    image: "x",
    resources: { requests: { cpu } },
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
  });
  const one = pod("p", {
    initContainers: [container("first", "3"), container("side", "500m", "Always"), container("second", "2")],
    containers: [container("main", "1"), container("more", "250m")],
    overhead: { cpu: "10m" },
  });
  expect(requestsOf(one).get("cpu")).toBe(3010);
  one.spec!.initContainers = [container("side", "500m", "Always"), container("second", "2")];
  expect(requestsOf(one).get("cpu")).toBe(2510);
  one.spec!.initContainers = [container("side", "500m", "Always")];
  expect(requestsOf(one).get("cpu")).toBe(1760);
});

test("enough nodes: all of a small cluster, a share of a large one", () => {
  expect([10, 99, 100, 500, 5000].map(enoughNodes)).toEqual([10, 99, 100, 230, 500]);
});
