/**
 * A disk whose power can be cut: an ext4 file system in a file. What the kernel still holds back in memory when the file is
 * copied is not on the copy, as it would not be on a disk.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NARU, run } from "./daemon.ts";

export interface CutOffDisk extends AsyncDisposable {
  /** Where it is mounted; the same after a cut. */
  readonly path: string;
  /** Nobody may have a file open on it. Mounted again is what had been written to the disk. */
  cutPower(): Promise<void>;
  /** naru, made to think that the machine was started anew: an executable for restart(). */
  readonly nextBoot: string;
}

/** So that the kernel writes nothing by itself while a test runs. */
const OPTIONS = "loop,commit=300,noauto_da_alloc";

/** Some sandboxes have no loop devices, some kernels no ext4. */
export async function canCutPower(): Promise<boolean> {
  const knowsExt4 = /\bext4$/m.test(await Bun.file("/proc/filesystems").text());
  return knowsExt4 && (await run(["losetup", "-f"])).code === 0;
}

export async function openCutOffDisk(megabytes: number): Promise<CutOffDisk> {
  const folder = await mkdtemp(join(tmpdir(), "naru-disk-"));
  const path = join(folder, "mounted");
  let image = join(folder, "disk.0");
  let cuts = 0;
  const sh = async (...command: string[]) => {
    const done = await run(command);
    if (done.code !== 0) throw new Error(`${command.join(" ")}: ${done.stderr}`);
  };
  const nextBoot = join(folder, "next-boot");
  const dispose = async () => {
    await run(["umount", path]);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await mkdir(path);
    await sh("truncate", "-s", `${megabytes}M`, image);
    await sh("mkfs.ext4", "-q", "-F", image);
    await sh("mount", "-o", OPTIONS, image, path);
    await Bun.write(join(folder, "boot-id"), `${crypto.randomUUID()}\n`);
    const inItsOwnView = `mount --bind '${folder}/boot-id' /proc/sys/kernel/random/boot_id && exec "$0" "$@"`;
    await Bun.write(
      nextBoot,
      `#!/bin/sh\nexec unshare -m sh -c '${inItsOwnView.replaceAll("'", "'\\''")}' '${NARU}' "$@"\n`,
    );
    await sh("chmod", "755", nextBoot);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    path,
    nextBoot,
    async cutPower() {
      const copy = join(folder, `disk.${++cuts}`);
      await sh("cp", "--sparse=always", image, copy);
      await sh("umount", path);
      await rm(image);
      image = copy;
      await sh("mount", "-o", OPTIONS, image, path);
    },
    [Symbol.asyncDispose]: dispose,
  };
}
