import { describe, expect, test } from "bun:test";
import { takenApart } from "../../../../src/kube/network-policies/apart.ts";
import { isolatedPods, type Opening, type PlacedPod } from "../../../../src/kube/network-policies/policy-rules.ts";
import { addressRange, joined, type Span, without } from "../../../../src/lib/address-spans.ts";
import type { NetworkPolicy, NetworkPolicySpec } from "../../../../src/model/kubernetes/networking.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";

const meta = (name: string, namespace: string, labels = {}) => ({
  name,
  namespace,
  labels,
  uid: name,
  resourceVersion: "1",
  creationTimestamp: "2026-01-01T00:00:00Z",
});
const placed = (ip: string, name: string, namespace: string, labels = {}): PlacedPod => ({
  ip,
  pod: {
    apiVersion: "v1",
    kind: "Pod",
    metadata: meta(name, namespace, labels),
    spec: {
      containers: [
        {
          name: "c",
          ports: [
            { name: "web", containerPort: 8080 },
            { name: "dns", containerPort: 53, protocol: "UDP" },
          ],
        },
      ],
    },
  },
});
const PODS = [
  placed("10.0.0.1", "db", "shop", { app: "db" }),
  placed("10.0.0.2", "front", "shop", { app: "front" }),
  placed("10.0.0.3", "front", "other", { app: "front" }),
];
const labelsOf = (namespace: string) => ({ "kubernetes.io/metadata.name": namespace });
const policy = (spec: NetworkPolicySpec): Stored<NetworkPolicy> => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: meta("p", "shop"),
  spec,
});
/** As people read them: "tcp 80-90 of 10.0.0.2". */
const address = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
const span = ([first, last]: Span, show: (value: number) => string) =>
  first === last ? show(first) : `${show(first)}-${show(last)}`;
const words = ({ peers, protocols, ports }: Opening) =>
  `${span(protocols, String)} ${span(ports, String)} ${span(peers, address)}`;
const found = (...specs: NetworkPolicySpec[]) =>
  isolatedPods(specs.map(policy), PODS, labelsOf).map(
    ({ ip, direction, openings }) => `${direction} ${ip}: ${takenApart(openings).map(words).join(", ") || "nothing"}`,
  );
const db = { matchLabels: { app: "db" } };
const front = { matchLabels: { app: "front" } };

describe("what policies allow", () => {
  const cases: [string, NetworkPolicySpec[], string[]][] = [
    ["nothing is isolated without policies", [], []],
    [
      "an empty selector takes all pods of the namespace",
      [{ podSelector: {}, policyTypes: ["Ingress"] }],
      ["ingress 10.0.0.1: nothing", "ingress 10.0.0.2: nothing"],
    ],
    [
      "a rule without peers takes everybody",
      [{ podSelector: db, policyTypes: ["Ingress"], ingress: [{}] }],
      ["ingress 10.0.0.1: 0-255 0-65535 0.0.0.0-255.255.255.255"],
    ],
    [
      "pods of the same namespace, and a port by name",
      [
        {
          podSelector: db,
          policyTypes: ["Ingress"],
          ingress: [{ from: [{ podSelector: front }], ports: [{ port: "web", protocol: "TCP" }] }],
        },
      ],
      ["ingress 10.0.0.1: 6 8080 10.0.0.2"],
    ],
    [
      "a name of another protocol is no port",
      [{ podSelector: db, policyTypes: ["Ingress"], ingress: [{ ports: [{ port: "dns", protocol: "TCP" }] }] }],
      ["ingress 10.0.0.1: nothing"],
    ],
    [
      "pods of other namespaces",
      [
        {
          podSelector: db,
          policyTypes: ["Ingress"],
          ingress: [
            {
              from: [
                { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "other" } }, podSelector: front },
              ],
            },
          ],
        },
      ],
      ["ingress 10.0.0.1: 0-255 0-65535 10.0.0.3"],
    ],
    [
      "neighbours to whom the same is open stay together, and allowances add up",
      [
        {
          podSelector: db,
          policyTypes: ["Ingress"],
          ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ port: 80 }] }],
        },
        {
          podSelector: db,
          policyTypes: ["Ingress"],
          ingress: [{ from: [{ podSelector: front }], ports: [{ port: 81, endPort: 90 }] }],
        },
      ],
      ["ingress 10.0.0.1: 6 80 10.0.0.1, 6 80-90 10.0.0.2, 6 80 10.0.0.3"],
    ],
    [
      "a range with holes, to where a pod may connect",
      [
        {
          podSelector: front,
          policyTypes: ["Egress"],
          egress: [
            {
              to: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }],
              ports: [{ protocol: "UDP", port: 53 }],
            },
          ],
        },
      ],
      ["egress 10.0.0.2: 17 53 10.0.0.0-10.0.255.255, 17 53 10.2.0.0-10.255.255.255"],
    ],
    [
      "a port by name is that of the pod that is connected to",
      [
        {
          podSelector: front,
          policyTypes: ["Egress"],
          egress: [{ to: [{ podSelector: db }], ports: [{ port: "web" }] }],
        },
      ],
      ["egress 10.0.0.2: 6 8080 10.0.0.1"],
    ],
    [
      "all protocols hold single ports within them",
      [
        {
          podSelector: db,
          policyTypes: ["Ingress"],
          ingress: [{ from: [{ podSelector: front }] }, { ports: [{ port: 80 }] }],
        },
      ],
      ["ingress 10.0.0.1: 6 80 0.0.0.0-10.0.0.1, 0-255 0-65535 10.0.0.2, 6 80 10.0.0.3-255.255.255.255"],
    ],
  ];
  for (const [name, specs, wanted] of cases) test(name, () => expect(found(...specs)).toEqual(wanted));
});

describe("spans", () => {
  test("a hole at either end, in the middle, and over all", () => {
    expect(
      without(
        [0, 9],
        [
          [0, 1],
          [4, 5],
          [9, 20],
        ],
      ),
    ).toEqual([
      [2, 3],
      [6, 8],
    ]);
    expect(without([3, 4], [[0, 9]])).toEqual([]);
  });
  test("neighbours are joined", () => {
    expect(
      joined([
        [5, 6],
        [1, 2],
        [3, 3],
        [6, 8],
      ]),
    ).toEqual([
      [1, 3],
      [5, 8],
    ]);
  });
  test("ranges of IPv6 are none of ours", () => {
    expect(addressRange("fd00::/8")).toBeUndefined();
    expect(addressRange("10.1.2.3/31")).toEqual([0x0a010202, 0x0a010203]);
  });
});
