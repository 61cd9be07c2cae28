/** Manifests that no tag reaches: neither directly, nor through an index, nor as what refers to something that stays. */
import type { Digest } from "../../model/image.ts";
import type { Manifests } from "../catalog/manifests.ts";

interface ManifestNode {
  children: Digest[];
  subject: Digest | undefined;
}

/** Those of one repository that are older than `cutoff` (milliseconds since 1970) and have no use. */
export async function findUntagged(manifests: Manifests, repository: string, cutoff: number): Promise<Digest[]> {
  const nodes = new Map<Digest, ManifestNode>();
  const kept = new Set<Digest>();
  for await (const { descriptor, storedAt, content } of manifests.listContents(repository)) {
    nodes.set(descriptor.digest, {
      children: content?.manifests.map(({ digest }) => digest) ?? [],
      subject: content?.subject?.digest,
    });
    if (storedAt >= cutoff) kept.add(descriptor.digest);
  }
  for (const digest of await manifests.taggedDigests(repository)) kept.add(digest);
  keepWhatIsReached(nodes, kept);
  return [...nodes.keys()].filter((digest) => !kept.has(digest));
}

/** An index keeps its manifests; a kept subject keeps its signatures and the like, and so on until nothing changes. */
function keepWhatIsReached(nodes: ReadonlyMap<Digest, ManifestNode>, kept: Set<Digest>): void {
  const referrers = new Map<Digest, Digest[]>();
  for (const [digest, { subject }] of nodes) {
    if (subject !== undefined) referrers.set(subject, [...(referrers.get(subject) ?? []), digest]);
  }
  const waiting = [...kept];
  for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
    for (const reached of [...(nodes.get(digest)?.children ?? []), ...(referrers.get(digest) ?? [])]) {
      if (kept.has(reached)) continue;
      kept.add(reached);
      waiting.push(reached);
    }
  }
}
