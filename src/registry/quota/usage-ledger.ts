/**
 * How many bytes each repository holds: what its manifests refer to, plus blobs that were uploaded and that no manifest names
 * yet. A repository is counted anew after each change of its manifests, and only when somebody asks.
 */
import { isKind } from "../../lib/errors.ts";
import type { Digest } from "../../model/image.ts";
import type { RegistryCatalog } from "../contract.ts";
import { allRepositories } from "../repositories.ts";

/** An upload that got nothing for so long is not coming any more; the storage sweeps it away. */
const ABANDONED_MS = 60 * 60_000;

export class UsageLedger {
  readonly #counted = new Map<string, Promise<number>>();
  readonly #unnamed = new Map<string, Map<Digest, number>>();
  /** Bytes that running uploads have sent, by upload. */
  readonly #arriving = new Map<string, { repository: string; bytes: number; at: number }>();

  constructor(private readonly catalog: RegistryCatalog) {}

  async bytesOf(repository: string): Promise<number> {
    let counted = this.#counted.get(repository);
    if (counted === undefined) {
      counted = this.catalog.repositorySize(repository).catch((error) => {
        if (isKind(error, "not-found")) return 0;
        this.#counted.delete(repository);
        throw error;
      });
      this.#counted.set(repository, counted);
    }
    return (await counted) + this.#sumUnnamed(repository) + this.#sumArriving(repository);
  }

  /** Sum over all repositories that `includes` says. */
  async bytesWhere(includes: (repository: string) => boolean): Promise<number> {
    const names = new Set<string>();
    for await (const repository of allRepositories(this.catalog)) if (includes(repository)) names.add(repository);
    for (const repository of this.#unnamed.keys()) if (includes(repository)) names.add(repository);
    for (const { repository } of this.#arriving.values()) if (includes(repository)) names.add(repository);
    let sum = 0;
    for (const repository of names) sum += await this.bytesOf(repository);
    return sum;
  }

  manifestsChanged(repository: string): void {
    this.#counted.delete(repository);
  }
  /** The repository has a blob that perhaps no manifest names; forgotten once one does. */
  blobAdded(repository: string, digest: Digest, size: number): void {
    const blobs = this.#unnamed.get(repository) ?? new Map<Digest, number>();
    blobs.set(digest, size);
    this.#unnamed.set(repository, blobs);
  }
  blobsNamed(repository: string, digests: readonly Digest[]): void {
    const blobs = this.#unnamed.get(repository);
    for (const digest of digests) blobs?.delete(digest);
    if (blobs?.size === 0) this.#unnamed.delete(repository);
  }
  arriving(upload: string, repository: string, bytes: number): void {
    this.#arriving.set(upload, { repository, bytes, at: Date.now() });
  }
  arrived(upload: string): void {
    this.#arriving.delete(upload);
  }

  #sumUnnamed(repository: string): number {
    let sum = 0;
    for (const size of this.#unnamed.get(repository)?.values() ?? []) sum += size;
    return sum;
  }
  #sumArriving(repository: string): number {
    let sum = 0;
    for (const [id, upload] of this.#arriving) {
      if (Date.now() - upload.at > ABANDONED_MS) this.#arriving.delete(id);
      else if (upload.repository === repository) sum += upload.bytes;
    }
    return sum;
  }
}
