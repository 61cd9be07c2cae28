/** BuildKit clients that misbehave or go away, and a daemon that is killed: what the others see, what is left. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  gatewaySolveRequest,
  gatewaySolveResponse,
  infoResponse,
  readDirRequest,
  readDirResponse,
  readFileRequest,
  readFileResponse,
  returnRequest,
  solveRequest,
  statFileRequest,
  statFileResponse,
} from "../../src/build/buildkit/messages.ts";
import type { GrpcClient } from "../../src/build/grpc/grpc-client.ts";
import type { GrpcError } from "../../src/build/grpc/grpc-error.ts";
import type { GrpcCall } from "../../src/build/grpc/grpc-server.ts";
import { encodePacket, type FileStat, PACKET } from "../../src/lib/file-packets.ts";
import { makeContext } from "../support/build-context.ts";
import { GraphMaker } from "../support/build-graph.ts";
import { openBuilder, openSession } from "../support/buildkit-client.ts";
import { DOCKER, eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { runningSteps } from "../support/running-steps.ts";

const DIFF_COPY = "/moby.filesync.v1.FileSync/DiffCopy";
const CONTROL = "/moby.buildkit.v1.Control";
const FILE_MODE = 0o644;
/** Of no other sleep on this machine. */
const SECONDS = 600_000 + process.pid;

let daemon: TestDaemon;
let builder: GrpcClient;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
  builder = await openBuilder(daemon);
});
afterAll(async () => {
  builder.close();
  await daemon?.stop();
});

const signal = () => AbortSignal.timeout(60_000);

function stat(path: string, change: Partial<FileStat> = {}): FileStat {
  return { path, mode: FILE_MODE, uid: 0, gid: 0, size: 1, modTime: 1n, linkname: "", xattrs: {}, ...change };
}

/** What a build is told that reads its Dockerfile from a session that answers so. */
async function buildFrom(answer: (call: GrpcCall) => Promise<void>): Promise<string> {
  const id = crypto.randomUUID();
  using _session = await openSession(daemon, id, { [DIFF_COPY]: answer });
  return await solveError({ Session: id });
}

async function solveError(request: object): Promise<string> {
  const whole = { Ref: crypto.randomUUID(), Frontend: "dockerfile.v0", FrontendAttrs: {}, ...request };
  return await builder.unary(`${CONTROL}/Solve`, solveRequest.encode(whole), signal()).then(
    () => "built",
    (error: GrpcError) => error.message,
  );
}

async function listing(call: GrpcCall, stats: FileStat[]): Promise<void> {
  for (const one of stats) await call.send(encodePacket({ type: PACKET.stat, stat: one }));
  await call.send(encodePacket({ type: PACKET.stat }));
  // Until the daemon has enough of it.
  for await (const _packet of call.messages);
}

/** Whether anything is here of the step of the slow build. */
async function isStepHere(): Promise<boolean> {
  return (await runningSteps(daemon, `sleep ${SECONDS}`)).length > 0;
}

async function spooled(): Promise<string[]> {
  return await readdir(join(daemon.dataRoot, "builder/contexts"));
}

describe("hostile sessions", () => {
  test.each([
    ["../x", "invalid path"],
    ["/etc/passwd", "invalid path"],
    ["a/../../x", "invalid path"],
    ["a//b", "invalid path"],
    ["a\0b", "invalid path"],
    ["nowhere/x", "no directory of the transfer"],
  ])("a list with the path %j is refused", async (path, words) => {
    expect(await buildFrom((call) => listing(call, [stat(path)]))).toContain(words);
  });

  test("lists out of order, links out of a link, hard links to nothing are refused", async () => {
    expect(await buildFrom((call) => listing(call, [stat("b"), stat("a")]))).toContain("out of order");
    const link = stat("l", { mode: 0x8000000 | 0o777, linkname: "/etc" });
    expect(await buildFrom((call) => listing(call, [link, stat("l/passwd")]))).toContain(
      "no directory of the transfer",
    );
    expect(await buildFrom((call) => listing(call, [stat("h", { linkname: "/etc/shadow" })]))).toContain("hard link");
  });

  test("files that nobody asked for, garbage, and failures of the client's are told", async () => {
    const unasked = await buildFrom(async (call) => {
      await call.send(encodePacket({ type: PACKET.stat, stat: stat("Dockerfile") }));
      await call.send(encodePacket({ type: PACKET.stat }));
      await call.send(encodePacket({ type: PACKET.data, id: 7, data: Buffer.from("x") }));
      for await (const _packet of call.messages);
    });
    expect(unasked).toContain("unexpected packet");
    expect(await buildFrom((call) => call.send(Buffer.from("\xff\xff\xff garbage", "latin1")))).not.toBe("built");
    const failing = await buildFrom((call) =>
      call.send(encodePacket({ type: PACKET.failure, data: Buffer.from("no disk") })),
    );
    expect(failing).toContain("no disk");
    const early = await buildFrom(async () => {});
    expect(early).toContain("ended the transfer");
  });

  test("a session that is cut in the middle of a transfer ends the build", async () => {
    const id = crypto.randomUUID();
    const session = await openSession(daemon, id, {
      [DIFF_COPY]: async (call) => {
        await call.send(encodePacket({ type: PACKET.stat, stat: stat("a") }));
        session[Symbol.dispose]();
      },
    });
    expect(await solveError({ Session: id })).toBe("the client's session has ended");
  });

  test("a session that never arrives, a taken name, foreign frontends and graphs", async () => {
    expect(await solveError({ Session: "never" })).toContain("no active session for never");
    expect(await solveError({})).toContain("no session to read the directory");
    expect(await solveError({ Ref: "" })).toContain("has no name");
    expect(await solveError({ Frontend: "x.v0" })).toContain("the frontend x.v0 is not supported");
    expect(await solveError({ Definition: { def: [Buffer.from("x")] } })).toContain(
      "the build graph has an operation that cannot be read",
    );
    expect(await solveError({ FrontendAttrs: { quux: "1" } })).toContain("does not know the option quux");
  });
});

describe("calls", () => {
  test("unknown methods and malformed requests are refused; the connection goes on", async () => {
    const refusal = (path: string, body: Uint8Array) =>
      builder.unary(path, body, signal()).then(
        () => 0,
        (error: GrpcError) => error.code,
      );
    expect(await refusal(`${CONTROL}/Nothing`, new Uint8Array())).toBe(12);
    expect(await refusal(`${CONTROL}/Status`, Buffer.from("\xff\xff", "latin1"))).not.toBe(0);
    expect(await refusal(`${CONTROL}/DiskUsage`, new Uint8Array(17 * 1024 * 1024))).not.toBe(0);
    const info = infoResponse.decode(await builder.unary(`${CONTROL}/Info`, new Uint8Array(), signal()));
    expect(info.buildkitVersion.package).toBe("naru");
  });

  test("health checks and traces are answered", async () => {
    expect([...(await builder.unary("/grpc.health.v1.Health/Check", new Uint8Array(), signal()))]).toEqual([8, 1]);
    const path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    expect((await builder.unary(path, gzipSync("whatever"), signal())).length).toBe(0);
  });
});

describe("builds that are led over the gateway", () => {
  const GATEWAY = "/moby.buildkit.v1.frontend.LLBBridge";

  /** Calls that belong to one build, and how it ends: its error, or "built". */
  function lead() {
    const Ref = crypto.randomUUID();
    const ask = async (method: string, request: Uint8Array): Promise<Uint8Array> => {
      const call = builder.call(`${GATEWAY}/${method}`, { "buildkit-controlapi-buildid": Ref }, signal());
      await call.send(request);
      call.closeSend();
      let reply = new Uint8Array();
      for await (const message of call.messages) reply = new Uint8Array(message);
      return reply;
    };
    return { ask, end: solveError({ Ref, Frontend: "" }) };
  }

  test("files of a result: parts, links inside it, and what is no file", async () => {
    const { ask, end } = lead();
    const graph = new GraphMaker();
    const command =
      "mkdir /d; printf 0123456789 >/d/f; chmod 4755 /d/f; ln -s /d/f /l; ln -s ../../../../etc/shadow /o; mkfifo /p";
    const made = graph.run(command, [], graph.image("busybox"));
    const solved = await ask("Solve", gatewaySolveRequest.encode({ Definition: graph.definition(made) }));
    const Ref = gatewaySolveResponse.decode(solved).result.ref!.id;
    const read = async (FilePath: string, Range?: { Offset: number; Length: number }) => {
      const reply = await ask("ReadFile", readFileRequest.encode({ Ref, FilePath, ...(Range ? { Range } : {}) }));
      return Buffer.from(readFileResponse.decode(reply).Data).toString();
    };
    expect(await read("/d/f")).toBe("0123456789");
    expect(await read("l", { Offset: 8, Length: 5 })).toBe("89");
    await expect(read("/d/f", { Offset: -1, Length: 0 })).rejects.toThrow("a range begins and ends within the file");
    await expect(read("/o")).rejects.toThrow('"/o": not found');
    await expect(read("/p")).rejects.toThrow("read /p: is no file");
    await expect(read("/d")).rejects.toThrow("read /d: is no file");
    const asked = statFileRequest.encode({ Ref, Path: "/d/f" });
    const { stat: found } = statFileResponse.decode(await ask("StatFile", asked));
    expect(found).toMatchObject({ path: "f", size: 10, mode: 0o755 + 0x800000 });
    const wanted = readDirRequest.encode({ Ref, DirPath: "/", IncludePattern: "[lo]" });
    const { entries } = readDirResponse.decode(await ask("ReadDir", wanted));
    expect(entries.map(({ path, linkname }) => [path, linkname])).toEqual([
      ["l", "/d/f"],
      ["o", "../../../../etc/shadow"],
    ]);
    const none = readDirRequest.encode({ Ref, DirPath: "/d/f", IncludePattern: "" });
    await expect(ask("ReadDir", none)).rejects.toThrow("readdir /d/f: no such file or directory");
    await ask("Return", returnRequest.encode({}));
    expect(await end).toBe("built");
  });

  test("a result whose files cannot be made fails again for the next reader", async () => {
    const { ask, end } = lead();
    const graph = new GraphMaker();
    const made = graph.run("exit 7", [], graph.image("busybox"));
    const solved = await ask("Solve", gatewaySolveRequest.encode({ Definition: graph.definition(made) }));
    const asked = readFileRequest.encode({
      Ref: gatewaySolveResponse.decode(solved).result.ref!.id,
      FilePath: "/x",
    });
    for (const _ of [1, 2]) await expect(ask("ReadFile", asked)).rejects.toThrow("exit code: 7");
    await ask("Return", returnRequest.encode({ result: { ref: { id: "of nobody" }, metadata: {} } }));
    expect(await end).toBe("no such ref: of nobody");
  });

  test("a result for each of several platforms is refused", async () => {
    const { ask, end } = lead();
    const refs = { refs: { "linux/amd64": { id: "a" }, "linux/arm64": { id: "b" } } };
    await ask("Return", returnRequest.encode({ result: { refs, metadata: {} } }));
    expect(await end).toContain("several results of one build are not supported");
  });

  test("processes of a client's graph need the leave of their user", async () => {
    const graph = new GraphMaker();
    const base = graph.image("busybox");
    const meta = { args: ["/bin/true"], cwd: "/" };
    const exec = { meta, mounts: [{ input: 0, dest: "/", output: 0 }], network: 1 };
    const Definition = graph.definition(graph.add({ exec }, base));
    expect(await solveError({ Definition, Frontend: "" })).toContain("network.host is not allowed");
    expect(await solveError({ Definition, Frontend: "", Entitlements: ["network.host"] })).toBe("built");
    expect(await solveError({ Definition, Frontend: "", Entitlements: ["security.insecure"] })).toContain(
      "not allowed",
    );
  });
});

describe("clients that leave and daemons that die", () => {
  /** A build under way that says so in its output. */
  async function startSlowBuild(directory: string) {
    const child = Bun.spawn([DOCKER, "buildx", "build", "--progress", "plain", "--no-cache", directory], {
      env: { ...process.env, ...daemon.env },
      stdout: "ignore",
      stderr: "pipe",
    });
    const text = child.stderr.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>;
    for await (const piece of text) if (/\d begun/.test(piece)) break;
    return child;
  }
  const slow = { Dockerfile: `FROM busybox\nRUN echo begun && sleep ${SECONDS}\n` };

  test("a client that is killed in mid-build leaves nothing", async () => {
    await using context = await makeContext(slow);
    const child = await startSlowBuild(context.directory);
    expect(await isStepHere()).toBe(true);
    child.kill("SIGKILL");
    await eventually(async () => !(await isStepHere()));
    await eventually(async () => (await spooled()).length === 0);
  });

  test("builds run beside each other on connections of their own", async () => {
    const builds = Array.from({ length: 8 }, async (_, index) => {
      await using context = await makeContext({
        Dockerfile: `FROM busybox\nCOPY f /f\nRUN echo ${index} >> /f\n`,
        f: "f",
      });
      return await daemon.docker(["buildx", "build", "-q", context.directory]);
    });
    expect((await Promise.all(builds)).map(({ code }) => code)).toEqual(Array.from({ length: 8 }, () => 0));
  });

  test("a daemon that is killed in mid-build clears up when it starts again, and builds", async () => {
    await using context = await makeContext(slow);
    const child = await startSlowBuild(context.directory);
    await daemon.kill("SIGKILL");
    await child.exited;
    await daemon.restart();
    await eventually(async () => !(await isStepHere()));
    await using whole = await makeContext({ Dockerfile: "FROM busybox\nRUN echo again\n" });
    expect((await daemon.docker(["buildx", "build", "-q", whole.directory])).code).toBe(0);
  });
});
