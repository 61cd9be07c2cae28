/** What the stored manifests still need: the mark half of a collection. */
import type { Digest } from "../../model/image.ts";
import { referencedDigests } from "../catalog/manifest-content.ts";
import type { Manifests } from "../catalog/manifests.ts";

/** Which content is referred to at all, and by which repository. */
export class LiveContent {
  private readonly users = new Map<Digest, Set<string>>();
  private readonly repositories = new Set<string>();

  add(repository: string, digests: Iterable<Digest>): void {
    this.repositories.add(repository);
    for (const digest of digests) {
      const users = this.users.get(digest);
      if (users === undefined) this.users.set(digest, new Set([repository]));
      else users.add(repository);
    }
  }

  has(digest: Digest): boolean {
    return this.users.has(digest);
  }

  isUsedBy(repository: string, digest: Digest): boolean {
    return this.users.get(digest)?.has(repository) ?? false;
  }

  /** True when the repository has a manifest. */
  hasManifests(repository: string): boolean {
    return this.repositories.has(repository);
  }
}

/** Reads every manifest of the repositories. `skip`: those that a dry run would have removed. */
export async function markLiveContent(
  manifests: Manifests,
  repositories: readonly string[],
  skip: (repository: string, digest: Digest) => boolean,
  signal: AbortSignal,
): Promise<LiveContent> {
  const live = new LiveContent();
  for (const repository of repositories) {
    for await (const { descriptor, content } of manifests.listContents(repository)) {
      signal.throwIfAborted();
      if (skip(repository, descriptor.digest)) continue;
      live.add(repository, [descriptor.digest, ...(content === undefined ? [] : referencedDigests(content))]);
    }
  }
  return live;
}
