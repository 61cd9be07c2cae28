/** The volume store on a real file system. Needs root for mounts. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VolumeStore } from "../../src/volume/contract.ts";
import { createVolumeStore } from "../../src/volume/volume-store.ts";
import { eventually } from "../support/daemon.ts";
import { failureOf } from "../support/failure.ts";
import { isRoot } from "../support/image-fixture.ts";
import { MemoryStore } from "../support/memory-store.ts";

describe.skipIf(!isRoot)("VolumeStore (needs root)", () => {
  let dataRoot: string;
  let store: MemoryStore;
  let volumes: VolumeStore;
  beforeEach(async () => {
    dataRoot = await mkdtemp(join(tmpdir(), "naru-test-volume-"));
    store = new MemoryStore();
    volumes = await createVolumeStore({ dataRoot, store });
  });
  afterEach(async () => {
    for (const { Name } of volumes.listVolumes()) await volumes.removeVolume(Name, { force: true });
    const mounts = await readFile("/proc/self/mountinfo", "utf8");
    // What is removed in the background would be in the way.
    while ((await readdir(join(dataRoot, "volumes"))).some((name) => name.startsWith(".trash-"))) await Bun.sleep(1);
    await rm(dataRoot, { recursive: true, force: true });
    expect(mounts).not.toContain(dataRoot);
  });

  test("createVolume() may be repeated and keeps the first description", async () => {
    const first = await volumes.createVolume({ Name: "data", Labels: { a: "b" } });
    expect(first).toEqual({
      CreatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      Driver: "local",
      Labels: { a: "b" },
      Mountpoint: join(dataRoot, "volumes/data/_data"),
      Name: "data",
      Options: null,
      Scope: "local",
    });
    expect(await volumes.createVolume({ Name: "data", Labels: { c: "d" } })).toEqual(first);
    expect((await stat(first.Mountpoint)).mode & 0o777).toBe(0o755);
  });

  test("a volume without a name is anonymous", async () => {
    const { Name, Labels } = await volumes.createVolume({});
    expect(Name).toMatch(/^[0-9a-f]{64}$/);
    expect(Labels).toEqual({ "com.docker.volume.anonymous": "" });
  });

  const refused: [name: string, request: object, message: string][] = [
    ["a short name", { Name: "x" }, "volume name is too short"],
    ["a path", { Name: "../x" }, '"../x" includes invalid characters for a local volume name'],
    ["a dot in front", { Name: ".x" }, "includes invalid characters"],
    ["another driver", { Name: "v1", Driver: "nfs" }, 'plugin "nfs" not found'],
    ["an unknown option", { Name: "v1", DriverOpts: { foo: "bar" } }, 'invalid option: "foo"'],
    ["a mount without a device", { Name: "v1", DriverOpts: { type: "tmpfs" } }, 'missing required option: "device"'],
    ["a mount without a type", { Name: "v1", DriverOpts: { device: "x" } }, 'missing required option: "type"'],
    ["a quota", { Name: "v1", DriverOpts: { size: "1G" } }, "quota size requested but no quota support"],
  ];
  test.each(refused)("createVolume() refuses %s", async (_, request, message) => {
    expect((await failureOf(volumes.createVolume(request))).message).toMatch(message);
    expect(volumes.listVolumes()).toEqual([]);
  });

  test("removeVolume() takes the files away, and of an unknown name only with force", async () => {
    const { Mountpoint } = await volumes.createVolume({ Name: "data" });
    await writeFile(join(Mountpoint, "f"), "12345");
    expect(await volumes.sizeOf("data")).toBe(5);
    expect(await volumes.isEmpty("data")).toBe(false);
    await volumes.removeVolume("data", { force: false });
    expect(existsSync(Mountpoint)).toBe(false);
    expect(() => volumes.getVolume("data")).toThrow("get data: no such volume");
    expect(await failureOf(volumes.removeVolume("data", { force: false }))).toMatchObject({ kind: "not-found" });
    await volumes.removeVolume("data", { force: true });
  });

  test("a tmpfs is mounted for its first user and unmounted after its last", async () => {
    const { Name } = await volumes.createVolume({
      Name: "mem",
      DriverOpts: { type: "tmpfs", device: "tmpfs", o: "size=1m,uid=7,noexec" },
    });
    const path = await volumes.mountVolume(Name, "c1");
    await volumes.mountVolume(Name, "c2");
    expect((await stat(path)).uid).toBe(7);
    const line = (await readFile("/proc/self/mountinfo", "utf8")).split("\n").find((text) => text.includes(path))!;
    expect(line).toContain("noexec");
    expect(line).toContain("size=1024k");
    await volumes.unmountVolume(Name, "c1");
    expect((await stat(path)).uid).toBe(7);
    // A daemon that starts anew still knows the mount.
    volumes = await createVolumeStore({ dataRoot, store });
    await volumes.mountVolume(Name, "c2");
    await volumes.unmountVolume(Name, "c2");
    expect((await stat(path)).uid).toBe(0);
  });

  test("o=bind shows a directory of the host, read-only when asked", async () => {
    const host = join(dataRoot, "host");
    await mkdir(host);
    await writeFile(join(host, "f"), "x");
    await volumes.createVolume({ Name: "bound", DriverOpts: { type: "none", device: host, o: "bind,ro" } });
    const path = await volumes.mountVolume("bound", "c1");
    expect(await readFile(join(path, "f"), "utf8")).toBe("x");
    expect((await failureOf(writeFile(join(path, "g"), "x"))).message).toMatch("EROFS");
    await volumes.removeVolume("bound", { force: false });
    expect(existsSync(join(host, "f"))).toBe(true);
  });

  test("a mount that fails says why", async () => {
    await volumes.createVolume({ Name: "far", DriverOpts: { type: "nfs", device: ":/x", o: "addr=127.0.0.1" } });
    expect((await failureOf(volumes.mountVolume("far", "c1"))).message).toMatch(
      /failed to mount local volume far: mount :\/x:.*for NFS/,
    );
    await volumes.createVolume({ Name: "gone", DriverOpts: { type: "none", device: "/nosuch-dir", o: "bind" } });
    expect((await failureOf(volumes.mountVolume("gone", "c1"))).message).toMatch("no such file or directory");
  });

  test("a start after a crash removes what was being deleted", async () => {
    await volumes.createVolume({ Name: "kept" });
    await mkdir(join(dataRoot, "volumes/.trash-1/_data"), { recursive: true });
    await mkdir(join(dataRoot, "volumes/never/_data"), { recursive: true });
    await createVolumeStore({ dataRoot, store });
    await eventually(async () => (await readdir(join(dataRoot, "volumes"))).join() === "kept");
  });
});
