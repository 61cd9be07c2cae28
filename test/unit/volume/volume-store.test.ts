import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Collection, StateStore } from "../../../src/store/contract.ts";
import type { VolumeStore } from "../../../src/volume/contract.ts";
import { needsMount } from "../../../src/volume/mount-options.ts";
import { createVolumeStore } from "../../../src/volume/volume-store.ts";

/** A store that forgets. */
function memoryStore(): StateStore {
  const collections = new Map<string, unknown>();
  const make = <T>(): Collection<T> => {
    const map = new Map<string, T>();
    return {
      get: (key) => map.get(key),
      has: (key) => map.has(key),
      values: () => map.values(),
      entries: () => map.entries(),
      get size() {
        return map.size;
      },
      put: async (key, value) => void map.set(key, value),
      propose: async (key, value) => void map.set(key, value),
      delete: async (key) => void map.delete(key),
    };
  };
  return {
    collection<T>(name: string) {
      if (!collections.has(name)) collections.set(name, make<T>());
      return collections.get(name) as Collection<T>;
    },
    flush: async () => {},
    sync: async () => {},
    close: async () => {},
  };
}

let root: string;
let volumes: VolumeStore;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "naru-volumes-"));
  volumes = await createVolumeStore({ dataRoot: root, store: memoryStore() });
});
afterEach(async () => {
  for (const volume of volumes.listVolumes()) await volumes.removeVolume(volume.Name, { force: true });
  // What is removed in the background would be in the way.
  while ((await readdir(join(root, "volumes"))).some((name) => name.startsWith(".trash-"))) await Bun.sleep(1);
  await rm(root, { recursive: true, force: true });
});

test("createVolume() makes a directory that others may enter, and answers the same volume again", async () => {
  const first = await volumes.createVolume({ Name: "data", Labels: { a: "b" } });
  expect(first).toMatchObject({ Name: "data", Driver: "local", Labels: { a: "b" }, Options: null, Scope: "local" });
  expect((await stat(first.Mountpoint)).mode & 0o777).toBe(0o755);
  expect(await volumes.createVolume({ Name: "data" })).toEqual(first);
});

test("an anonymous volume has a random name and Docker's label", async () => {
  const volume = await volumes.createVolume({});
  expect(volume.Name).toMatch(/^[0-9a-f]{64}$/);
  expect(volume.Labels).toEqual({ "com.docker.volume.anonymous": "" });
});

test("isEmpty(), sizeOf() and removeVolume()", async () => {
  const { Mountpoint } = await volumes.createVolume({ Name: "data" });
  expect(await volumes.isEmpty("data")).toBe(true);
  await writeFile(join(Mountpoint, "file"), "12345");
  expect(await volumes.isEmpty("data")).toBe(false);
  expect(await volumes.sizeOf("data")).toBe(5);
  await volumes.removeVolume("data", { force: false });
  expect(await stat(Mountpoint).catch(() => "gone")).toBe("gone");
  await expect(volumes.removeVolume("data", { force: false })).rejects.toThrow("get data: no such volume");
  await volumes.removeVolume("data", { force: true });
});

test("a tmpfs volume is mounted for its first user and unmounted after its last", async () => {
  await volumes.createVolume({ Name: "fast", DriverOpts: { type: "tmpfs", device: "tmpfs", o: "size=1m" } });
  const path = await volumes.mountVolume("fast", "one");
  await volumes.mountVolume("fast", "two");
  expect(await readFile("/proc/self/mountinfo", "utf8")).toContain(path);
  await volumes.unmountVolume("fast", "one");
  expect(await readFile("/proc/self/mountinfo", "utf8")).toContain(path);
  await volumes.unmountVolume("fast", "two");
  expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(path);
});

test("a mount that outlived a daemon is found again, also below a link and a name with spaces", async () => {
  const dataRoot = join(root, "the link");
  await mkdir(join(root, "the roots"));
  await symlink("the roots", dataRoot);
  const store = memoryStore();
  const before = await createVolumeStore({ dataRoot, store });
  await before.createVolume({ Name: "fast", DriverOpts: { type: "tmpfs", device: "tmpfs" } });
  const path = await before.mountVolume("fast", "one");
  await writeFile(join(path, "file"), "kept");
  const after = await createVolumeStore({ dataRoot, store });
  expect(await readFile(join(await after.mountVolume("fast", "two"), "file"), "utf8")).toBe("kept");
  await after.unmountVolume("fast", "two");
  expect(await readdir(path)).toEqual([]);
});

test("users that come at once share one mount, which a thread of its own makes", async () => {
  // Not "tmpfs", so that it is taken for one that may last.
  await volumes.createVolume({ Name: "slow", DriverOpts: { type: "ramfs", device: "ramfs" } });
  const paths = await Promise.all(["one", "two", "three"].map((user) => volumes.mountVolume("slow", user)));
  expect(new Set(paths).size).toBe(1);
  const mounts = async () => (await readFile("/proc/self/mountinfo", "utf8")).split(` ${paths[0]} `).length - 1;
  expect(await mounts()).toBe(1);
  for (const user of ["one", "two", "three"]) await volumes.unmountVolume("slow", user);
  expect(await mounts()).toBe(0);
});

test("a bind volume shows the device's files; what cannot be mounted says why", async () => {
  await writeFile(join(root, "seen"), "");
  await volumes.createVolume({ Name: "bound", DriverOpts: { type: "none", device: root, o: "bind" } });
  const path = await volumes.mountVolume("bound", "user");
  expect((await stat(join(path, "seen"))).isFile()).toBe(true);
  await volumes.unmountVolume("bound", "user");
  await volumes.createVolume({ Name: "wrong", DriverOpts: { type: "nosuchfs", device: "x" } });
  await expect(volumes.mountVolume("wrong", "user")).rejects.toThrow(
    /failed to mount local volume wrong: mount x:.*: no such device$/,
  );
});

describe("names and options that are refused", () => {
  test.each([
    [{ Name: "a" }, "volume name is too short"],
    [{ Name: "a/b" }, 'create a/b: "a/b" includes invalid characters for a local volume name'],
    [{ Name: "-ab" }, "includes invalid characters"],
    [{ Name: "ok", Driver: "nfs" }, 'create ok: error looking up volume plugin nfs: plugin "nfs" not found'],
    [{ Name: "ok", DriverOpts: { x: "y" } }, 'create ok: invalid option: "x"'],
    [{ Name: "ok", DriverOpts: { type: "tmpfs" } }, 'missing required option: "device"'],
    [{ Name: "ok", DriverOpts: { o: "ro", device: "/x" } }, 'missing required option: "type"'],
  ])("%j", async (request, text) => {
    await expect(volumes.createVolume(request)).rejects.toThrow(text);
  });
  test("no options mean no mount", () => expect(needsMount({})).toBe(false));
});
