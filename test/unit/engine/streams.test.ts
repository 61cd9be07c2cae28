import { expect, test } from "bun:test";
import type { AttachOptions, AttachSession } from "../../../src/engine/contract.ts";
import { createTestEngine, eventually } from "./fakes.ts";

const all: AttachOptions = { stdin: true, stdout: true, stderr: true, logs: false, stream: true };

async function readAll(session: AttachSession): Promise<string> {
  const pieces: string[] = [];
  for await (const { stream, data } of session.output) pieces.push(`${stream}:${Buffer.from(data).toString()}`);
  return pieces.join("|");
}

test("attached before the start: output from the first byte, input in order, half-close", async () => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("web", { Image: "busybox", OpenStdin: true, StdinOnce: true });
  const session = await t.engine.containers.attach(Id, all);
  const second = await t.engine.containers.attach(Id, { ...all, stdin: false, stderr: false });
  const writing = session.write(Buffer.from("one "));
  void session.write(Buffer.from("two"));
  session.closeInput();
  await t.engine.containers.start(Id);
  await writing;
  const process = t.runtime.processes.get(Id)!;
  await eventually(() => process.isStdinClosed);
  expect(process.stdin).toBe("one two");
  process.print("out");
  process.print("err", "stderr");
  process.end(4);
  expect(await readAll(session)).toBe("stdout:out|stderr:err");
  // Who has read to the end may ask for the exit code.
  expect((await t.engine.containers.inspect(Id)).State).toMatchObject({ Running: false, ExitCode: 4 });
  expect(await readAll(second)).toBe("stdout:out");
});

test("the detach keys leave the container running", async () => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("web", { Image: "busybox", OpenStdin: true, Tty: true });
  await t.engine.containers.start(Id);
  const session = await t.engine.containers.attach(Id, { ...all, detachKeys: "ctrl-a,x" });
  const process = t.runtime.processes.get(Id)!;
  await session.write(Buffer.from("ab\x01x"));
  expect(await readAll(session)).toBe("");
  expect(process.stdin).toBe("ab");
  expect(process.listeners.size).toBe(0);
  expect((await t.engine.containers.inspect(Id)).State.Running).toBe(true);
});

test("a reader that is slow slows the process", async () => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("web", { Image: "busybox" });
  await t.engine.containers.start(Id);
  const session = await t.engine.containers.attach(Id, all);
  const process = t.runtime.processes.get(Id)!;
  const [listener] = process.listeners;
  const pending = listener!.onChunk({ stream: "stdout", data: new Uint8Array(2 * 1024 * 1024) });
  expect(pending).toBeInstanceOf(Promise);
  process.end(0);
  await readAll(session);
  await pending;
});

test("exec: environment, exit code, once only", async () => {
  await using t = await createTestEngine();
  const { Id } = await t.engine.containers.create("web", { Image: "busybox", Env: ["A=1", "B=2"], User: "me" });
  await expect(t.engine.execs.create(Id, { Cmd: ["true"] })).rejects.toThrow(`container ${Id} is not running`);
  await t.engine.containers.start(Id);
  await expect(t.engine.execs.create(Id, {})).rejects.toThrow("No exec command specified");
  t.runtime.execExitCode = undefined;
  const exec = await t.engine.execs.create(Id, { Cmd: ["sh", "-c", "x"], Env: ["B=3"], AttachStdout: true });
  const session = await t.engine.execs.start(exec.Id, { detach: false, tty: false });
  const { request, process } = t.runtime.execs[0]!;
  expect(request.env).toEqual(expect.arrayContaining(["A=1", "B=3"]));
  expect(request.user).toBe("me");
  expect(t.engine.execs.inspect(exec.Id)).toMatchObject({ Running: true, ExitCode: null });
  expect((await t.engine.containers.inspect(Id)).ExecIDs).toEqual([exec.Id]);
  process.print("hello");
  process.end(7);
  expect(await readAll(session!)).toBe("stdout:hello");
  expect(t.engine.execs.inspect(exec.Id)).toMatchObject({ Running: false, ExitCode: 7 });
  await expect(t.engine.execs.start(exec.Id, { detach: false, tty: false })).rejects.toThrow("has already run");
  expect(() => t.engine.execs.inspect("nosuch")).toThrow("No such exec instance: nosuch");
});

test("health checks: transitions are told once", async () => {
  await using t = await createTestEngine();
  const seen: string[] = [];
  const reading = new AbortController();
  const events = t.engine.system.events({ filters: new Map([["type", ["container"]]]) }, reading.signal);
  void (async () => {
    for await (const { Action } of events) if (Action.startsWith("health")) seen.push(Action);
  })();
  const { Id } = await t.engine.containers.create("web", {
    Image: "busybox",
    Healthcheck: { Test: ["CMD", "check"], Interval: 5e6, Retries: 2 },
  });
  await t.engine.containers.start(Id);
  await eventually(() => seen.length === 1 && t.runtime.execs.length > 3);
  t.runtime.execExitCode = 1;
  await eventually(() => seen.length === 2);
  expect(seen).toEqual(["health_status: healthy", "health_status: unhealthy"]);
  const { Health } = (await t.engine.containers.inspect(Id)).State;
  expect(Health?.Log?.length).toBeLessThanOrEqual(5);
  await t.engine.containers.stop(Id, {});
  const count = t.runtime.execs.length;
  await Bun.sleep(30);
  expect(t.runtime.execs.length).toBe(count);
  reading.abort();
});
