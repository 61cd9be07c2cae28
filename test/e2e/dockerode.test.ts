/** dockerode, the library behind many Node tools (testcontainers among them), over naru's socket. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Duplex, PassThrough } from "node:stream";
import Docker from "dockerode";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
let docker: Docker;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
  docker = new Docker({ socketPath: daemon.socketPath });
});
afterAll(() => daemon?.stop());

const collect = (stream: PassThrough) => {
  let text = "";
  stream.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return () => text;
};

test("version, info, ping", async () => {
  expect((await docker.version()).ApiVersion).toBe("1.51");
  expect((await docker.info()).OSType).toBe("linux");
  expect((await docker.ping()).toString()).toBe("OK");
});

test("run with output, as its README shows", async () => {
  const sink = new PassThrough();
  const text = collect(sink);
  const [result, container] = await docker.run("busybox", ["sh", "-c", "uname -s"], sink);
  expect(result.StatusCode).toBe(0);
  expect(text()).toContain("Linux");
  await container.remove();
});

test("create, start, exec with separate streams, inspect, logs, stats, stop, remove", async () => {
  const container = await docker.createContainer({
    Image: "busybox",
    Cmd: ["sh", "-c", "echo started; sleep 1000"],
    name: "ode",
  });
  await container.start();
  const exec = await container.exec({
    Cmd: ["sh", "-c", "echo o; echo e >&2; exit 2"],
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream = await exec.start({});
  const [o, e] = [new PassThrough(), new PassThrough()];
  const [outText, errText] = [collect(o), collect(e)];
  docker.modem.demuxStream(stream, o, e);
  await new Promise((resolve) => stream.on("end", resolve));
  expect([outText(), errText(), (await exec.inspect()).ExitCode]).toEqual(["o\n", "e\n", 2]);
  expect((await container.logs({ stdout: true, follow: false })).toString()).toContain("started");
  const stats = await container.stats({ stream: false });
  expect(stats.memory_stats.usage).toBeGreaterThan(0);
  expect(stats.precpu_stats.system_cpu_usage).toBeGreaterThan(0);
  expect((await docker.listContainers({ filters: { name: ["ode"] } })).map((c) => c.State)).toEqual(["running"]);
  await container.stop({ t: 0 });
  await container.remove();
  await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
});

test("attach with stdin, half-closed", async () => {
  const container = await docker.createContainer({
    Image: "busybox",
    Cmd: ["sh", "-c", "cat; exit 6"],
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
  });
  const stream: Duplex = (await container.attach({
    stream: true,
    stdin: true,
    stdout: true,
    stderr: true,
    hijack: true,
  })) as unknown as Duplex;
  const sink = new PassThrough();
  const text = collect(sink);
  docker.modem.demuxStream(stream, sink, sink);
  await container.start();
  stream.write("echoed");
  stream.end();
  await new Promise((resolve) => (stream.readableEnded ? resolve(0) : stream.on("end", resolve)));
  expect((await container.inspect()).State).toMatchObject({ Running: false, ExitCode: 6 });
  expect(text()).toBe("echoed");
  await container.remove();
});

test("networks and volumes", async () => {
  const network = await docker.createNetwork({ Name: "ode-net" });
  expect((await network.inspect()).Driver).toBe("bridge");
  await network.remove();
  await docker.createVolume({ Name: "ode-vol" });
  expect((await docker.getVolume("ode-vol").inspect()).Driver).toBe("local");
  await docker.getVolume("ode-vol").remove();
});
