/** Which volume a claim gets. */

import { expect, test } from "bun:test";
import { findVolume } from "../../../../src/kube/storage/volume-match.ts";
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
} from "../../../../src/model/kubernetes/core.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";

const meta = (name: string) => ({ name, uid: `uid-${name}`, resourceVersion: "1", creationTimestamp: "" });
function volume(name: string, storage: string, spec: PersistentVolumeSpec = {}, labels = {}): Stored<PersistentVolume> {
  const base = { capacity: { storage }, accessModes: ["ReadWriteOnce", "ReadOnlyMany"], storageClassName: "slow" };
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { ...meta(name), labels },
    spec: { ...base, ...spec },
  };
}
function claim(spec: PersistentVolumeClaimSpec = {}): Stored<PersistentVolumeClaim> {
  const base = {
    accessModes: ["ReadWriteOnce"],
    storageClassName: "slow",
    resources: { requests: { storage: "2Gi" } },
  };
  const metadata = { ...meta("mine"), namespace: "shop" };
  return { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata, spec: { ...base, ...spec } };
}
const held = (name: string, uid?: string) => ({ claimRef: { name, namespace: "shop", ...(uid ? { uid } : {}) } });

test.each([
  ["the smallest that is large enough", claim(), [volume("a", "1Gi"), volume("b", "5Gi"), volume("c", "3Gi")], "c"],
  ["none that somebody has", claim(), [volume("a", "3Gi", held("other"))], undefined],
  ["one held for it, also a small one", claim(), [volume("a", "3Gi"), volume("b", "1Gi", held("mine"))], "b"],
  ["not one of a namesake before it", claim(), [volume("a", "3Gi", held("mine", "uid-before"))], undefined],
  [
    "by class",
    claim({ storageClassName: "fast" }),
    [volume("a", "3Gi"), volume("b", "3Gi", { storageClassName: "fast" })],
    "b",
  ],
  ["by mode of access", claim({ accessModes: ["ReadWriteMany"] }), [volume("a", "3Gi")], undefined],
  [
    "by label",
    claim({ selector: { matchLabels: { disk: "ssd" } } }),
    [volume("a", "3Gi"), volume("b", "9Gi", {}, { disk: "ssd" })],
    "b",
  ],
  ["by volume mode", claim({ volumeMode: "Block" }), [volume("a", "3Gi")], undefined],
])("%s", (_, wanted, volumes, expected) => expect(findVolume(wanted, volumes)?.metadata.name).toBe(expected!));
