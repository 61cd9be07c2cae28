import { expect, test } from "bun:test";
import { decodeProtobuf } from "../../../../src/kube/server/protobuf/decode-protobuf.ts";

/** What kubectl 1.36 sent for `kubectl create …`, and what it means. */
const SENT: [what: string, bytes: string, object: object][] = [
  [
    "deployment web --image=busybox:1 --replicas=3 --port=80 -- sleep 5",
    "azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50EsgBCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEpYBCAMSDAoKCgNhcHASA3dlYhp8ChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViElwSPgoHYnVzeWJveBIJYnVzeWJveDoxGgVzbGVlcBoBNSoAMgoKABAAGFAiACoAQgBqAHIAgAEAiAEAkAEAogEAGgAyAEIASgBSAFgAYABoAIIBAIoBAJoBAMIBACICCgAoADgAGgwIABAAGAAgACgAOAAaACIA",
    {
      kind: "Deployment",
      apiVersion: "apps/v1",
      metadata: { name: "web", labels: { app: "web" } },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: "web" } },
        template: {
          metadata: { labels: { app: "web" } },
          spec: {
            containers: [
              {
                name: "busybox",
                image: "busybox:1",
                command: ["sleep", "5"],
                ports: [{ containerPort: 80 }],
                resources: {},
              },
            ],
          },
        },
        strategy: {},
      },
      status: {},
    },
  ],
  [
    "secret generic s --from-literal=a=b",
    "azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAWESAWIaABoAIgA=",
    { kind: "Secret", apiVersion: "v1", metadata: { name: "s" }, data: { a: "Yg==" } },
  ],
  [
    "poddisruptionbudget p --selector=a=b --min-available=50%",
    "azhzAAogCglwb2xpY3kvdjESE1BvZERpc3J1cHRpb25CdWRnZXQSNgoRCgFwEgAaACIAKgAyADgAQgASFQoJCAEQABoDNTAlEggKBgoBYRIBYhoKCAAYACAAKAAwABoAIgA=",
    {
      kind: "PodDisruptionBudget",
      apiVersion: "policy/v1",
      metadata: { name: "p" },
      spec: { minAvailable: "50%", selector: { matchLabels: { a: "b" } } },
      status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
    },
  ],
  [
    "quota q --hard=cpu=1,pods=2",
    "azhzAAoTCgJ2MRINUmVzb3VyY2VRdW90YRIwChEKAXESABoAIgAqADIAOABCABIZCgoKA2NwdRIDCgExCgsKBHBvZHMSAwoBMhoAGgAiAA==",
    {
      kind: "ResourceQuota",
      apiVersion: "v1",
      metadata: { name: "q" },
      spec: { hard: { cpu: "1", pods: "2" } },
      status: {},
    },
  ],
];

test.each(SENT)("kubectl create %s", (_what, bytes, object) => {
  expect(decodeProtobuf(Buffer.from(bytes, "base64"))).toEqual(object as Record<string, unknown>);
});

function envelope(apiVersion: string, kind: string, raw: number[]): Buffer {
  const field = (number: number, bytes: Uint8Array) => Buffer.from([number * 8 + 2, bytes.length, ...bytes]);
  const meta = Buffer.concat([field(1, Buffer.from(apiVersion)), field(2, Buffer.from(kind))]);
  return Buffer.concat([Buffer.from("k8s\0"), field(1, meta), field(2, Uint8Array.from(raw))]);
}

test("negative numbers, times and options of a deletion", () => {
  const grace = [0x08, ...Array<number>(9).fill(0xff), 0x01];
  expect(decodeProtobuf(envelope("v1", "DeleteOptions", grace))).toMatchObject({ gracePeriodSeconds: -1 });
  const pod = [0x0a, 0x04, 0x42, 0x02, 0x08, 0x01];
  const { metadata } = decodeProtobuf(envelope("v1", "Pod", pod)) as { metadata: { creationTimestamp: string } };
  expect(metadata.creationTimestamp).toBe("1970-01-01T00:00:01Z");
});

test.each([
  ["no magic bytes", Buffer.from("hello"), "does not begin with"],
  ["a length beyond the end", Buffer.from("k8s\0\x0a\x7f"), "cut off"],
  ["a field cut off", envelope("v1", "Pod", [0x0a, 0x20]), "cut off"],
  ["a group of the old form", envelope("v1", "Pod", [0xfb, 0x07]), "cut off or broken"],
  ["an endless number", envelope("v1", "Pod", [0xf8, 0x07, ...Array<number>(12).fill(0xff)]), "cut off"],
  ["a kind without this form", envelope("example.com/v1", "Gadget", []), "send JSON"],
])("%s is refused", (_what, bytes, message) => {
  expect(() => decodeProtobuf(bytes)).toThrow(message);
});
