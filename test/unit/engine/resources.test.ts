import { expect, test } from "bun:test";
import { createTestEngine, fakeImage } from "./fakes.ts";

test("images: names first, the image when nobody uses it", async () => {
  await using t = await createTestEngine();
  const [image] = t.images.images;
  t.images.images[0] = { ...image!, repoTags: ["busybox:latest", "box:2"] };
  const { Id } = await t.engine.containers.create("user", { Image: "busybox" });
  const remove = (ref: string, force = false) => t.engine.images.remove(ref, { force, noPrune: false });
  const short = image!.id.slice(7, 19);
  await expect(remove(image!.id)).rejects.toThrow(
    `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
  );
  expect(await remove("box:2")).toEqual([{ Untagged: "box:2" }]);
  await expect(remove("busybox")).rejects.toThrow(
    `conflict: unable to remove repository reference "busybox" (must force) - container ${Id.slice(0, 12)} is using ` +
      `its referenced image ${short}`,
  );
  await expect(remove(image!.id)).rejects.toThrow(`image is being used by stopped container ${Id.slice(0, 12)}`);
  await t.engine.containers.start(Id);
  await expect(remove(image!.id, true)).rejects.toThrow(
    "(cannot be forced) - image is being used by running container",
  );
  await t.engine.containers.remove(Id, { force: true, volumes: false, link: false });
  expect(await remove("busybox")).toEqual([{ Untagged: "busybox:latest" }, { Deleted: image!.id }]);
});

test("images: prune takes dangling ones, or all that are unused", async () => {
  await using t = await createTestEngine();
  t.images.images.push({ ...fakeImage("old:1"), repoTags: [] }, fakeImage("unused:1"));
  await t.engine.containers.create("user", { Image: "busybox" });
  expect((await t.engine.images.prune(new Map())).deleted).toHaveLength(1);
  const all = await t.engine.images.prune(new Map([["dangling", ["false"]]]));
  expect(all.deleted[0]).toEqual({ Untagged: "unused:1" });
  expect(t.images.images.map(({ repoTags }) => repoTags[0])).toEqual(["busybox:latest"]);
});

test("volumes in use are kept and say by whom", async () => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("user", { Image: "busybox", HostConfig: { Binds: ["data:/d"] } });
  await expect(t.engine.volumes.remove("data", { force: true })).rejects.toThrow(
    `remove data: volume is in use - [${Id}]`,
  );
  await t.engine.containers.remove(Id, { force: false, volumes: true, link: false });
  expect(await t.engine.volumes.prune(new Map())).toEqual({ VolumesDeleted: null, SpaceReclaimed: 0 });
  expect(await t.engine.volumes.prune(new Map([["all", ["1"]]]))).toEqual({
    VolumesDeleted: ["data"],
    SpaceReclaimed: 42,
  });
  await expect(t.engine.volumes.remove("data", { force: false })).rejects.toThrow("get data: no such volume");
  await t.engine.volumes.remove("data", { force: true });
});

test("networks: connect and disconnect, running or not", async () => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("web", { Image: "busybox" });
  const names = async () => Object.keys((await t.engine.containers.inspect(Id)).NetworkSettings.Networks);
  await t.engine.networks.connect("own", "web", null);
  expect(await names()).toEqual(["bridge", "own"]);
  await t.engine.containers.start(Id);
  await expect(t.engine.networks.connect("own", "web", null)).rejects.toThrow(
    "endpoint with name web already exists in network own",
  );
  await expect(t.engine.networks.connect("host", "web", null)).rejects.toThrow(
    "cannot connect container to host network - container must be created in host network mode",
  );
  await t.engine.networks.disconnect("own", "web", { force: false });
  expect(await names()).toEqual(["bridge"]);
  await expect(t.engine.networks.disconnect("own", "web", { force: false })).rejects.toThrow(
    `container ${Id} is not connected to network own`,
  );
});

test("lists: newest first, filters, limits", async () => {
  await using t = await createTestEngine();
  for (const name of ["one", "two", "three"]) {
    await t.engine.containers.create(name, { Image: "busybox", Labels: { number: name } });
  }
  await t.engine.containers.start("two");
  const list = async (filters: Record<string, string[]>, all = false, limit = 0) =>
    (await t.engine.containers.list({ all, limit, size: false, filters: new Map(Object.entries(filters)) })).map(
      ({ Names }) => Names[0],
    );
  expect(await list({})).toEqual(["/two"]);
  expect(await list({}, true)).toEqual(["/three", "/two", "/one"]);
  expect(await list({}, false, 2)).toEqual(["/three", "/two"]);
  expect(await list({ label: ["number=one"] }, true)).toEqual(["/one"]);
  expect(await list({ status: ["created"] })).toEqual(["/three", "/one"]);
  expect(await list({ before: ["three"] }, true)).toEqual(["/two", "/one"]);
  expect(await list({ since: ["one"] }, true)).toEqual(["/three", "/two"]);
  expect(await list({ name: ["^/t"] }, true)).toEqual(["/three", "/two"]);
  expect(await list({ ancestor: ["busybox"] })).toEqual(["/two"]);
  await expect(list({ status: ["x"] })).rejects.toThrow("invalid filter 'status=x': invalid value for state (x)");
  await expect(list({ foo: ["x"] })).rejects.toThrow("invalid filter 'foo'");
});

test("prune removes what does not run", async () => {
  await using t = await createTestEngine();
  await t.engine.containers.create("stays", { Image: "busybox" });
  const { Id } = await t.engine.containers.create("goes", { Image: "busybox", Labels: { x: "" } });
  const report = await t.engine.containers.prune(new Map([["label", ["x"]]]));
  expect(report).toEqual({ deleted: [Id], spaceReclaimed: 7 });
});

test("the memory of events is bounded and filtered", async () => {
  await using t = await createTestEngine();
  for (let i = 0; i < 300; i++) await t.engine.volumes.create({ Name: `v${i}` });
  const read = async (filters: Map<string, string[]>) => {
    const names: string[] = [];
    const past = t.engine.system.events(
      { sinceNs: 0n, untilNs: BigInt(Date.now() + 1) * 1_000_000n, filters },
      AbortSignal.timeout(50),
    );
    for await (const { Actor } of past) names.push(Actor.ID);
    return names;
  };
  const all = await read(new Map());
  expect(all).toHaveLength(256);
  expect(all.at(-1)).toBe("v299");
  expect(await read(new Map([["volume", ["v299"]]]))).toEqual(["v299"]);
  expect(await read(new Map([["foo", ["x"]]]))).toHaveLength(256);
});
