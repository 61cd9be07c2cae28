/** An image store in a directory of its own, for tests; all of it goes with `await using`. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRegistryClient } from "../../src/distribution/registry-client.ts";
import { createContainerFiles } from "../../src/image/container-files.ts";
import type { ContainerFiles, ImageStore, LocalImage, ProgressLine } from "../../src/image/contract.ts";
import { createImageStore } from "../../src/image/open-image-store.ts";
import { ALLOW_ALL } from "./allow-all.ts";
import { MemoryStore } from "./memory-store.ts";
import { streamOf, type TestEntry, tarOf } from "./tar-building.ts";

const MONITOR = join(import.meta.dir, "../../dist/native/naru-monitor");

/** What needs a registry is tested with a real one (test/e2e/pull-push.test.ts). */
const NO_REGISTRY = {
  registries: createRegistryClient({
    settings: () => ({ mirrors: [], insecureRegistries: [], certificateDirs: [] }),
    userAgent: "naru-test",
  }),
  limits: { downloads: 3, uploads: 5 },
  policy: ALLOW_ALL,
};

export const isRoot = process.getuid?.() === 0;

export class ImageFixture {
  private constructor(
    readonly directory: string,
    readonly store: MemoryStore,
    public images: ImageStore,
    readonly files: ContainerFiles,
  ) {}

  static async open(): Promise<ImageFixture> {
    const directory = await mkdtemp(join(tmpdir(), "naru-test-image-"));
    const store = new MemoryStore();
    const roots = { dataRoot: join(directory, "data"), execRoot: join(directory, "exec") };
    const images = await createImageStore({ ...roots, ...NO_REGISTRY, store });
    return new ImageFixture(directory, store, images, await createContainerFiles({ ...roots, monitorPath: MONITOR }));
  }

  /** As a daemon's start after a crash: a new store over the same records and files. */
  async reopen(): Promise<void> {
    const roots = { dataRoot: join(this.directory, "data"), execRoot: join(this.directory, "exec") };
    this.images = await createImageStore({ ...roots, ...NO_REGISTRY, store: this.store });
    await this.images.settle();
  }

  importImage(reference: string, entries: TestEntry[], changes: string[] = []): Promise<LocalImage> {
    return this.images.importTar(streamOf(tarOf(entries)), { reference, changes });
  }

  async load(archive: Uint8Array): Promise<ProgressLine[]> {
    const lines: ProgressLine[] = [];
    for await (const line of this.images.load(streamOf(archive), { quiet: true })) lines.push(line);
    return lines;
  }

  /** What lies in the data root, without the base that every container has below its image. */
  async contents(): Promise<string[]> {
    await this.images.settle();
    const names = await readdir(join(this.directory, "data"), { recursive: true });
    return names
      .filter(
        (name) =>
          !/^snapshots\/base\b/.test(name) &&
          name.includes("/") &&
          !/^blobs\/sha(256|512)$/.test(name) &&
          name !== "ingest/partial",
      )
      .sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.images.close();
    const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
    const left = mounts.filter((line) => line.includes(this.directory));
    await rm(this.directory, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`mounts were left:\n${left.join("\n")}`);
  }
}
