import { expect, test } from "bun:test";
import type { HostConfig } from "../../../src/model/container.ts";
import { createTestEngine, eventually, FakeProcess, type TestEngine } from "./fakes.ts";

async function run(t: TestEngine, name: string, host: HostConfig = {}): Promise<string> {
  const { Id } = await t.engine.containers.create(name, { Image: "busybox", HostConfig: host });
  await t.engine.containers.start(Id);
  return Id;
}

test("after a crash a living container goes on and its end is seen", async () => {
  await using t = await createTestEngine();
  const id = await run(t, "web");
  const survivor = new FakeProcess(4242);
  t.runtime.reconnects.set(id, survivor);
  const next = await t.again();
  await next.restore();
  expect((await next.containers.inspect(id)).State.Status).toBe("running");
  expect([...t.networks.swept[0]!]).toEqual([id]);
  survivor.end(9);
  await eventually(async () => (await next.containers.inspect(id)).State.Status === "exited");
  expect((await next.containers.inspect(id)).State.ExitCode).toBe(9);
});

test("a container that ended meanwhile gets its true exit code, --rm ones go", async () => {
  await using t = await createTestEngine();
  const kept = await run(t, "kept");
  const gone = await run(t, "gone", { AutoRemove: true });
  const exit = { exitCode: 5, finishedAt: "2026-01-02T03:04:05Z", oomKilled: false };
  t.runtime.reconnects.set(kept, exit);
  t.runtime.reconnects.set(gone, exit);
  const next = await t.again();
  await next.restore();
  expect((await next.containers.inspect(kept)).State).toMatchObject({
    Status: "exited",
    ExitCode: 5,
    FinishedAt: "2026-01-02T03:04:05Z",
  });
  await eventually(() =>
    next.containers.inspect(gone).then(
      () => false,
      () => true,
    ),
  );
});

test("after a reboot restart policies apply", async () => {
  await using t = await createTestEngine();
  const policy = (Name: "always" | "unless-stopped" | "on-failure" | "no") => ({
    RestartPolicy: { Name, MaximumRetryCount: 0 },
  });
  await run(t, "always", policy("always"));
  await run(t, "unless-stopped", policy("unless-stopped"));
  await run(t, "on-failure", policy("on-failure"));
  await run(t, "plain", policy("no"));
  await run(t, "stopped-always", policy("always"));
  await run(t, "stopped-unless", policy("unless-stopped"));
  await t.engine.containers.create("never-started", { Image: "busybox", HostConfig: policy("always") });
  await t.engine.containers.stop("stopped-always", {});
  await t.engine.containers.stop("stopped-unless", {});
  const next = await t.again();
  await next.restore();
  const running = await next.containers.list({ all: false, limit: 0, size: false, filters: new Map() });
  expect(running.map(({ Names }) => Names[0]).sort()).toEqual([
    "/always",
    "/on-failure",
    "/stopped-always",
    "/unless-stopped",
  ]);
  expect((await next.containers.inspect("plain")).State.ExitCode).toBe(255);
});

test("the daemon died between the start and its record: the container is found running", async () => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("web", { Image: "busybox" });
  t.runtime.reconnects.set(Id, new FakeProcess(77));
  const next = await t.again();
  await next.restore();
  expect((await next.containers.inspect("web")).State).toMatchObject({ Status: "running", Pid: 77 });
});

test("a removal that was cut short is finished, orphaned layers go", async () => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("web", { Image: "busybox" });
  const records = t.parts.store.collection<{ state: { status: string } }>("containers");
  const record = records.get(Id)!;
  await records.put(Id, { ...record, state: { ...record.state, status: "removing" } });
  t.images.layers.add("orphan");
  const next = await t.again();
  await next.restore();
  expect(records.size).toBe(0);
  expect([...t.images.layers]).toEqual([]);
});

test("records of version 1 load under this code", async () => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("old", { Image: "busybox" });
  const records = t.parts.store.collection<Record<string, unknown>>("containers");
  const { links, platform, ...older } = records.get(Id)!;
  expect([links, platform]).toEqual([[], "linux"]);
  await records.put(Id, { ...older, version: 1 });
  const next = await t.again();
  await next.restore();
  const inspected = await next.containers.inspect("old");
  expect(inspected.Platform).toBe("linux");
  await next.containers.start("old");
  expect((await next.containers.inspect("old")).State.Status).toBe("running");
});

test("shutdown leaves containers alone, unless told to stop them", async () => {
  await using t = await createTestEngine();
  await run(t, "web");
  await t.engine.shutdown();
  expect(t.runtime.signals).toEqual([]);
  t.parts.config.stopContainersOnShutdown = true;
  await t.engine.shutdown();
  expect(t.runtime.signals).toEqual([15]);
});

test("the files that tell how a run ended go after its record is written, so that no moment to die loses the exit code", async () => {
  await using t = await createTestEngine();
  const id = await run(t, "web");
  const records = t.parts.store.collection<{ state: { status: string; exitCode: number } }>("containers");
  let written: object | undefined;
  t.runtime.delete = async () => {
    written = records.get(id)?.state;
  };
  t.runtime.processes.get(id)?.end(5);
  await eventually(() => written !== undefined);
  expect(written).toMatchObject({ status: "exited", exitCode: 5 });
});

test("a container's record of a newer naru is refused, not read as far as it goes", async () => {
  await using t = await createTestEngine();
  const id = await run(t, "web");
  const records = t.parts.store.collection<object>("containers");
  await records.put(id, { ...records.get(id), version: 99 });
  await expect(t.again()).rejects.toThrow(`the record of container ${id} has version 99`);
});
