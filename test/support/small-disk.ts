import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory on a disk of its own (in memory) that soon is full. Nothing of it is left when it is disposed. */
export class SmallDisk implements AsyncDisposable {
  private constructor(
    private readonly root: string,
    readonly path: string,
  ) {}

  static async mount(size: "1m" | "8m"): Promise<SmallDisk> {
    const root = await mkdtemp(join(tmpdir(), "naru-small-disk-"));
    const path = join(root, "disk");
    await mkdir(path);
    await Bun.$`mount -t tmpfs -o size=${size} tmpfs ${path}`.quiet();
    return new SmallDisk(root, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Bun.$`umount -l ${this.path}`.quiet();
    await rm(this.root, { recursive: true, force: true });
  }
}
