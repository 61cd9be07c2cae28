import { describe, expect, test } from "bun:test";
import { monitorArguments } from "../../../src/runtime/monitor-command.ts";
import {
  decodeMonitorFrame,
  decodeNetnsAnswer,
  encodeFlush,
  encodeFrame,
  encodeNetnsRequest,
  encodeOutputAck,
  encodeResize,
  FrameReader,
  MAX_FRAME_PAYLOAD_BYTES,
  parseExitRecord,
  rfc3339Nano,
} from "../../../src/runtime/monitor-protocol.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));

describe("encoding", () => {
  const cases: [string, Uint8Array, string][] = [
    ["stdin", encodeFrame(0x40, Buffer.from("hi")), "4000000000000002" + "6869"],
    ["stdin-eof", encodeFrame(0x41), "4100000000000000"],
    ["resize", encodeResize(50, 132), "4200000000000004" + "00320084"],
    ["resize out of range", encodeResize(-1, 70000), "4200000000000004" + "0000ffff"],
    ["flush", encodeFlush(7), "4600000000000004" + "00000007"],
    ["output-ack", encodeOutputAck(65536), "4800000000000004" + "00010000"],
    [
      "netns request",
      encodeNetnsRequest(1, ["--enter", "p"]),
      "600000000000000e" + "000000012d2d656e7465720070" + "00",
    ],
  ];
  test.each(cases)("%s", (_, frame, expected) => expect(hex(frame)).toBe(expected));

  test("a payload over the limit is refused", () => {
    expect(() => encodeFrame(0x40, new Uint8Array(MAX_FRAME_PAYLOAD_BYTES + 1))).toThrow("longer than");
  });
});

describe("decodeMonitorFrame()", () => {
  const cases: [number, string, object][] = [
    [0x01, "6869", { kind: "output", stream: "stdout", bytes: bytes("6869") }],
    [0x02, "", { kind: "output", stream: "stderr", bytes: new Uint8Array() }],
    [
      0x10,
      "00000001 00001092 00040000 00000003 00000009",
      {
        kind: "hello",
        protocol: 1,
        monitorPid: 4242,
        stdinWindowBytes: 262144,
        hasTerminal: true,
        hasStdin: true,
        rootDescriptor: 9,
      },
    ],
    [0x11, "00000007 0000000000000000 00000005", { kind: "started", pid: 7, at: "1970-01-01T00:00:00.000000005Z" }],
    [0x12, "ffffffff 6e6f", { kind: "failed", runtimeExitCode: -1, message: "no" }],
    [
      0x13,
      "00000089 00000009 0000000065920080 1dcd6500",
      { kind: "exited", code: 137, signal: 9, at: "2024-01-01T00:00:00.5Z" },
    ],
    [0x14, "00010000", { kind: "stdin-ack", bytes: 65536 }],
    [0x15, "", { kind: "stdin-closed" }],
    [0x16, "0000000100000000 00000002", { kind: "subscribed", logBytes: 2 ** 32, rotations: 2 }],
    [0x17, "00000003 000000000000000a", { kind: "flushed", token: 3, droppedLines: 10 }],
    [0x18, "00000004", { kind: "held", count: 4 }],
    [0x7f, "00", { kind: "unknown", type: 0x7f }],
  ];
  test.each(cases)("type %d", (type, payload, expected) => {
    expect(decodeMonitorFrame({ type, payload: bytes(payload) })).toEqual(expected as never);
  });

  test("a payload that grew at its end is understood, a short one refused", () => {
    expect(decodeMonitorFrame({ type: 0x14, payload: bytes("0000000a ffff") })).toEqual({
      kind: "stdin-ack",
      bytes: 10,
    });
    expect(() => decodeMonitorFrame({ type: 0x13, payload: bytes("00000001") })).toThrow("too short");
  });
});

describe("FrameReader", () => {
  const stream = Buffer.concat([
    encodeFrame(1, Buffer.from("a")),
    encodeFrame(2),
    encodeFrame(1, new Uint8Array(MAX_FRAME_PAYLOAD_BYTES).fill(7)),
    encodeFrame(0x15),
  ]);

  test.each([1, 3, 8, 9, 1000, 65536, 200000])("finds the same frames in pieces of %d bytes", (size) => {
    const reader = new FrameReader();
    const found: string[] = [];
    for (let at = 0; at < stream.length; at += size) {
      for (const { type, payload } of reader.push(stream.subarray(at, at + size)))
        found.push(`${type}:${payload.length}`);
    }
    expect(found).toEqual(["1:1", "2:0", `1:${MAX_FRAME_PAYLOAD_BYTES}`, "21:0"]);
  });

  test("what is kept between pieces does not share the caller's memory", () => {
    const reader = new FrameReader();
    const chunk = new Uint8Array(encodeFrame(1, Buffer.from("abc")).subarray(0, 10));
    expect(reader.push(chunk)).toEqual([]);
    chunk.fill(0);
    expect(Buffer.from(reader.push(Buffer.from("c"))[0]!.payload).toString()).toBe("abc");
  });

  test("an impossible length ends it", () => {
    expect(() => new FrameReader().push(bytes("01000000 ffffffff"))).toThrow("another protocol");
  });
});

test.each([
  [0, 0, "1970-01-01T00:00:00Z"],
  [1704067200, 500_000_000, "2024-01-01T00:00:00.5Z"],
  [1704067200, 1, "2024-01-01T00:00:00.000000001Z"],
  [1704067200, 123_456_780, "2024-01-01T00:00:00.12345678Z"],
])("rfc3339Nano(%d, %d)", (seconds, nanoseconds, expected) => {
  expect(rfc3339Nano(seconds, nanoseconds)).toBe(expected);
});

describe("parseExitRecord()", () => {
  test("an end", () => {
    expect(parseExitRecord('{"code":137,"signal":9,"pid":1,"time":"2024-01-01T00:00:00Z"}\n')).toEqual({
      kind: "exited",
      code: 137,
      signal: 9,
      at: "2024-01-01T00:00:00Z",
    });
  });
  test("a failure", () => {
    expect(parseExitRecord('{"failed":"no","code":-1,"time":"x"}')).toEqual({
      kind: "failed",
      runtimeExitCode: -1,
      message: "no",
    });
  });
  test.each(["", "{", "{}", '{"code":"1","time":"x"}'])("damaged: %p", (text) => {
    expect(() => parseExitRecord(text)).toThrow("exit record");
  });
});

test("decodeNetnsAnswer()", () => {
  expect(decodeNetnsAnswer(bytes("00000005 00000011 0035 1f90 6e6f"))).toEqual({
    id: 5,
    errno: 17,
    udpPort: 53,
    tcpPort: 8080,
    message: "no",
  });
});

describe("monitorArguments()", () => {
  const base = {
    binaryPath: "m",
    pidFile: "/p",
    hasStdin: false,
    isSubscribed: false,
    runtimeCommand: ["crun", "run"],
  };

  test("the least there is", () => {
    expect(monitorArguments(base).join(" ")).toBe("monitor --protocol 1 --pid-file /p -- crun run");
  });

  test("all there is", () => {
    const args = monitorArguments({
      ...base,
      directory: "/d",
      hasStdin: true,
      consoleSocket: "/d/c",
      isSubscribed: true,
      heldDescriptors: [9, 11],
      log: { path: "/l", maxSizeBytes: 1000, maxFiles: 3, attributes: { b: "<2>", a: "1" } },
      root: {
        path: "/r",
        lowerDirs: ["/1", "/2"],
        upperDir: "/u",
        workDir: "/w",
        options: ["index=off"],
        keepsPropagation: true,
      },
    });
    expect(args.join(" ")).toBe(
      "monitor --protocol 1 --pid-file /p --dir /d --stdin --console /d/c --subscribe --hold 2 --log /l " +
        '--log-max-size 1000 --log-max-file 3 --log-attrs {"a":"1","b":"\\u003c2\\u003e"} --root /r --lower /1 ' +
        "--lower /2 --upper /u --work /w --overlay-option index=off --propagate -- crun run",
    );
  });
});
