/** The power fails: what of the image store had not reached the disk is gone, and the daemon makes it whole again. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type CutOffDisk, canCutPower, openCutOffDisk } from "../support/cut-off-disk.ts";
import { run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";
import { imageOf, layerOf, sendImage, type TestImage } from "../support/registry-images.ts";

const FILES = 200;

let disk: CutOffDisk;
let registry: NaruRegistry;
let daemon: TestDaemon;
let image: TestImage;
let name: string;

describe.skipIf(!(await canCutPower()))("a disk of its own", () => {
  beforeAll(async () => {
    [disk, registry] = await Promise.all([openCutOffDisk(96), startNaruRegistry()]);
    daemon = await startDaemon({ flags: ["--data-root", join(disk.path, "data")] });
    const program = await Bun.file(Bun.which("busybox")!).bytes();
    const shell = { path: "bin/busybox", content: program, mode: 0o755 };
    const files = Array.from({ length: FILES }, (_, index) => ({ path: `files/${index}`, content: `file ${index}\n` }));
    image = imageOf([layerOf([shell, ...files]), layerOf([{ path: "top", content: "top" }])]);
    name = `${registry.host}/torn/app:1`;
    await sendImage(registry.host, "torn/app", image, "1");
  });
  afterAll(async () => {
    await daemon?.stop();
    await disk?.[Symbol.asyncDispose]();
    await registry?.stop();
  });

  const ok = async (...words: string[]) => {
    const done = await daemon.docker(words);
    expect({ words, ...done }).toMatchObject({ code: 0 });
    return done.stdout.trim();
  };

  /** The daemon ends with the machine, and starts with it again. */
  async function cutPower(): Promise<void> {
    await daemon.kill();
    await disk.cutPower();
  }
  const startAgain = () => daemon.restart(disk.nextBoot);

  /** Bytes of the unpacked files that are on the disk. */
  async function bytesUnpacked(): Promise<number> {
    const found = await run(["sh", "-c", `cat ${disk.path}/data/snapshots/*/fs/files/* 2>/dev/null | wc -c`]);
    return Number(found.stdout);
  }

  test("an answered pull is there after a power cut, its torn layers are unpacked anew", async () => {
    const whole = "file \n".length * FILES + digitsUpTo(FILES);
    await ok("pull", "-q", name);
    await cutPower();
    // Nothing waited for the files: they are torn, and the kernel may have been lucky with few of them at most. The blobs are there.
    await run([
      "find",
      `${disk.path}/data/snapshots`,
      "-path",
      "*/fs/files/1*",
      "-exec",
      "truncate",
      "-s",
      "0",
      "{}",
      "+",
    ]);
    expect(await bytesUnpacked()).toBeLessThan(whole);
    for (const { descriptor } of [...image.layers, image.config, image]) {
      const blob = join(disk.path, "data/blobs", descriptor.digest.replace(":", "/"));
      expect((await stat(blob)).size).toBe(descriptor.size);
    }
    await startAgain();
    expect(await bytesUnpacked()).toBe(whole);
    expect(await daemon.naru(["image", "verify", name])).toMatchObject({ code: 0 });
    const read = ["/bin/busybox", "sh", "-c", "/bin/busybox cat /files/* | /bin/busybox wc -c; /bin/busybox cat /top"];
    expect(await ok("run", "--rm", "--network", "none", name, ...read)).toBe(`${whole}\ntop`);
    expect(await ok("pull", name)).toContain("Image is up to date");
  });

  test("an image that was built is whole after it, and is built again from what is left", async () => {
    const context = join(daemon.root, "context");
    await Bun.write(
      join(context, "Dockerfile"),
      `FROM ${name}\nCOPY many /many\nRUN ["/bin/busybox", "touch", "/made"]\n`,
    );
    for (let index = 0; index < FILES; index++)
      await Bun.write(join(context, "many", String(index)), `many ${index}\n`);
    const build = async () =>
      expect(await daemon.naru(["build", "-q", "-t", "built", context])).toMatchObject({ code: 0 });
    await build();
    await cutPower();
    await startAgain();
    for (const attempt of ["found", "built again"]) {
      expect({ attempt, ...(await daemon.naru(["image", "verify", "built"])) }).toMatchObject({ code: 0 });
      const count = [
        "/bin/busybox",
        "sh",
        "-c",
        "/bin/busybox cat /many/* | /bin/busybox grep -c many; /bin/busybox ls /made",
      ];
      expect(await ok("run", "--rm", "--network", "none", "built", ...count)).toBe(`${FILES}\n/made`);
      await build();
    }
    await ok("rmi", "built");
  });

  test("an image that was removed does not come back in part", async () => {
    await ok("rmi", name);
    await cutPower();
    await startAgain();
    expect(await ok("images", "-q")).toBe("");
    await ok("pull", "-q", name);
    expect(await daemon.naru(["image", "verify", name])).toMatchObject({ code: 0 });
  });
});

const digitsUpTo = (count: number) =>
  Array.from({ length: count }, (_, index) => String(index).length).reduce((a, b) => a + b);
