import { expect, test } from "bun:test";
import { NaruError } from "../../../src/lib/errors.ts";
import type { ContainerCreateRequest } from "../../../src/model/container.ts";
import type { EventMessage } from "../../../src/model/system.ts";
import { createTestEngine, eventually, type TestEngine } from "./fakes.ts";

const never = new AbortController().signal;

async function run(t: TestEngine, name: string, request: ContainerCreateRequest = {}): Promise<string> {
  const { Id } = await t.engine.containers.create(name, { Image: "busybox", ...request });
  await t.engine.containers.start(Id);
  return Id;
}

async function actions(t: TestEngine): Promise<string[]> {
  const events: EventMessage[] = [];
  const past = t.engine.system.events({ sinceNs: 0n, untilNs: 1n << 62n, filters: new Map() }, AbortSignal.timeout(30));
  for await (const event of past) events.push(event);
  return events.map(({ Type, Action }) => `${Type} ${Action}`);
}

test("a container is created, runs, ends and is removed", async () => {
  await using t = await createTestEngine();
  const id = await run(t, "web");
  expect((await t.engine.containers.inspect("web")).State.Status).toBe("running");
  await expect(t.engine.containers.start("web")).rejects.toMatchObject({ kind: "not-modified" });
  const { result } = t.engine.containers.wait(id, "not-running", never);
  t.runtime.processes.get(id)!.end(3);
  expect(await result).toEqual({ StatusCode: 3 });
  const { State } = await t.engine.containers.inspect("web");
  expect(State).toMatchObject({ Status: "exited", ExitCode: 3, Pid: 0, Running: false });
  expect(t.networks.sandboxes.size).toBe(0);
  await t.engine.containers.remove("web", { force: false, volumes: false, link: false });
  expect(t.images.layers.size).toBe(0);
  await expect(t.engine.containers.inspect("web")).rejects.toThrow("No such container: web");
  expect(await actions(t)).toEqual([
    "container create",
    "network connect",
    "container start",
    "network disconnect",
    "container die",
    "container destroy",
  ]);
});

test("a running container is removed only by force, and says so", async () => {
  await using t = await createTestEngine();
  await run(t, "web");
  const remove = (force: boolean) => t.engine.containers.remove("web", { force, volumes: false, link: false });
  await expect(remove(false)).rejects.toThrow(
    'cannot remove container "web": container is running: stop the container before removing or force remove',
  );
  await remove(true);
  expect(t.runtime.signals).toEqual([9]);
  expect(t.parts.store.collection("containers").size).toBe(0);
});

test("--rm removes the container and its anonymous volumes; named ones stay", async () => {
  await using t = await createTestEngine();
  const id = await run(t, "web", {
    Volumes: { "/anonymous": {} },
    HostConfig: { AutoRemove: true, Binds: ["named:/named"] },
  });
  const { result } = t.engine.containers.wait(id, "removed", never);
  t.runtime.processes.get(id)!.end(4);
  expect(await result).toEqual({ StatusCode: 4 });
  const { Volumes } = await t.engine.volumes.list(new Map());
  expect(Volumes?.map(({ Name }) => Name)).toEqual(["named"]);
});

test("stop sends the stop signal, and SIGKILL when the time is over", async () => {
  await using t = await createTestEngine();
  await run(t, "polite", { StopSignal: "SIGINT" });
  t.runtime.deadly.add(2);
  await t.engine.containers.stop("polite", {});
  expect(t.runtime.signals).toEqual([2]);
  await expect(t.engine.containers.stop("polite", {})).rejects.toMatchObject({ kind: "not-modified" });

  await run(t, "stubborn");
  t.runtime.deadly = new Set([9]);
  await t.engine.containers.stop("stubborn", { timeoutSeconds: 0 });
  expect(t.runtime.signals).toEqual([2, 15, 9]);
  expect((await t.engine.containers.inspect("stubborn")).State.ExitCode).toBe(137);
});

test("a failed start undoes everything and leaves its reason", async () => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("web", { Image: "busybox" });
  const words = 'failed to create task for container: exec: "x": executable file not found in $PATH: unknown';
  t.runtime.startError = new NaruError("invalid", words);
  await expect(t.engine.containers.start(Id)).rejects.toThrow(words);
  await eventually(() => t.networks.sandboxes.size === 0);
  const { State } = await t.engine.containers.inspect("web");
  expect(State).toMatchObject({ Status: "created", ExitCode: 127, Error: words });
  t.runtime.startError = undefined;
  await t.engine.containers.start(Id);
  expect((await t.engine.containers.inspect("web")).State).toMatchObject({ Status: "running", Error: "", ExitCode: 0 });
});

test("an unknown network is told at the start", async () => {
  await using t = await createTestEngine();
  await t.engine.containers.create("web", { Image: "busybox", HostConfig: { NetworkMode: "nowhere" } });
  await expect(t.engine.containers.start("web")).rejects.toThrow(
    "failed to set up container networking: network nowhere not found",
  );
});

test("the restart policy brings a container back until it is stopped by hand", async () => {
  await using t = await createTestEngine();
  const id = await run(t, "web", { HostConfig: { RestartPolicy: { Name: "always", MaximumRetryCount: 0 } } });
  t.runtime.processes.get(id)!.end(1);
  await eventually(() => t.runtime.starts.length === 2);
  await eventually(async () => (await t.engine.containers.inspect(id)).State.Status === "running");
  expect((await t.engine.containers.inspect(id)).RestartCount).toBe(1);
  await t.engine.containers.stop(id, {});
  await Bun.sleep(250);
  expect(t.runtime.starts.length).toBe(2);
  expect((await t.engine.containers.inspect(id)).State.Status).toBe("exited");
});

test("a stop during the wait for a restart ends it", async () => {
  await using t = await createTestEngine();
  const id = await run(t, "web", { HostConfig: { RestartPolicy: { Name: "always", MaximumRetryCount: 0 } } });
  t.runtime.processes.get(id)!.end(1);
  await eventually(async () => (await t.engine.containers.inspect(id)).State.Restarting);
  await t.engine.containers.stop(id, {});
  await Bun.sleep(150);
  expect((await t.engine.containers.inspect(id)).State.Status).toBe("exited");
});

test("restart of a --rm container keeps it", async () => {
  await using t = await createTestEngine();
  const id = await run(t, "web", { HostConfig: { AutoRemove: true } });
  await t.engine.containers.restart(id, { timeoutSeconds: 0 });
  await Bun.sleep(20);
  expect((await t.engine.containers.inspect(id)).State.Status).toBe("running");
});

test("names: taken, bad, renamed, free again", async () => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("web", { Image: "busybox" });
  const again = t.engine.containers.create("web", { Image: "busybox" });
  await expect(again).rejects.toThrow(`Conflict. The container name "/web" is already in use by container "${Id}".`);
  await expect(t.engine.containers.create("a b", { Image: "busybox" })).rejects.toThrow("Invalid container name (a b)");
  await t.engine.containers.rename("web", "site");
  expect((await t.engine.containers.inspect(Id.slice(0, 6))).Name).toBe("/site");
  await t.engine.containers.create("web", { Image: "busybox" });
  const generated = await t.engine.containers.create(undefined, { Image: "busybox" });
  expect((await t.engine.containers.inspect(generated.Id)).Name).toMatch(/^\/[a-z]+_[a-z]+\d*$/);
});

test("pause and unpause", async () => {
  await using t = await createTestEngine();
  const id = await run(t, "web");
  await t.engine.containers.pause(id);
  await expect(t.engine.containers.pause(id)).rejects.toThrow(`Container ${id} is already paused`);
  await expect(t.engine.containers.start(id)).rejects.toThrow("cannot start a paused container, try unpause instead");
  await expect(t.engine.execs.create("web", { Cmd: ["true"] })).rejects.toThrow("Container web is paused");
  await t.engine.containers.unpause(id);
  expect((await t.engine.containers.inspect(id)).State.Status).toBe("running");
});

test("a container in another's network needs it running", async () => {
  await using t = await createTestEngine();
  await t.engine.containers.create("first", { Image: "busybox" });
  await t.engine.containers.create("second", { Image: "busybox", HostConfig: { NetworkMode: "container:first" } });
  await expect(t.engine.containers.start("second")).rejects.toThrow(
    "cannot join network namespace of a non running container",
  );
  await t.engine.containers.start("first");
  await t.engine.containers.start("second");
  const [first, second] = t.runtime.starts;
  expect(second?.networkNamespace).toBe(first?.networkNamespace);
  expect(second?.hostname).toBe(first?.hostname);
});

test.each([
  ["", "/naru-test"],
  ["/mine", "/mine"],
  ["mine/own", "/mine/own"],
  ["../../up", "/up"],
])("--cgroup-parent %j stays within the hierarchy", async (CgroupParent, parent) => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("box", { Image: "busybox", HostConfig: { CgroupParent } });
  await t.engine.containers.start(Id);
  expect(t.runtime.starts[0]?.cgroupPath).toBe(`${parent}/${Id}`);
});

test("limits taken away by an update are not kept as limits", async () => {
  await using t = await createTestEngine();
  await t.engine.containers.create("web", { Image: "busybox", HostConfig: { NanoCpus: 1e9, PidsLimit: 9 } });
  const update = async (change: object) => {
    await t.engine.containers.update("web", change);
    const { NanoCpus, CpuQuota, PidsLimit } = (await t.engine.containers.inspect("web")).HostConfig;
    return { NanoCpus, CpuQuota, PidsLimit };
  };
  await expect(update({ CpuQuota: 5000 })).rejects.toThrow("CPU Quota cannot be updated as NanoCPUs has already");
  expect(await update({ CpuQuota: -1 })).toEqual({ NanoCpus: 0, CpuQuota: -1, PidsLimit: 9 });
  expect(await update({ NanoCpus: 1e9 })).toEqual({ NanoCpus: 1e9, CpuQuota: 0, PidsLimit: 9 });
  expect(await update({ PidsLimit: -1 })).toEqual({ NanoCpus: 1e9, CpuQuota: 0, PidsLimit: 0 });
});

test("other containers' namespaces are remembered by id: a new name changes nothing", async () => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("donor", { Image: "busybox" });
  const mode = "container:donor";
  const HostConfig = { PidMode: mode, IpcMode: mode, NetworkMode: mode };
  await t.engine.containers.create("web", { Image: "busybox", HostConfig });
  const { PidMode, IpcMode, NetworkMode } = (await t.engine.containers.inspect("web")).HostConfig;
  expect([PidMode, IpcMode, NetworkMode]).toEqual(Array(3).fill(`container:${Id}`));
});
