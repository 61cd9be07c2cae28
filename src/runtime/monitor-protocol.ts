/**
 * Frames between the daemon and naru-monitor: pure encoding and decoding, no I/O.
 * The numbers and payloads are told once, in native/monitor/PROTOCOL.md.
 */
import { NaruError } from "../lib/errors.ts";

export const MONITOR_PROTOCOL = 1;
export const FRAME_HEADER_BYTES = 8;
export const MAX_FRAME_PAYLOAD_BYTES = 65536;
/** The monitor stops reading a process's output while this much of it is unacknowledged. */
export const OUTPUT_WINDOW_BYTES = 1024 * 1024;

/** Frame types sent by the monitor. */
const FROM_MONITOR = {
  stdout: 0x01,
  stderr: 0x02,
  hello: 0x10,
  started: 0x11,
  failed: 0x12,
  exited: 0x13,
  stdinAck: 0x14,
  stdinClosed: 0x15,
  subscribed: 0x16,
  flushed: 0x17,
  held: 0x18,
} as const;

/** Frame types sent to the monitor. */
export const TO_MONITOR = {
  stdin: 0x40,
  stdinEof: 0x41,
  resize: 0x42,
  subscribe: 0x43,
  unsubscribe: 0x44,
  fetchHeld: 0x45,
  flush: 0x46,
  reopenLog: 0x47,
  outputAck: 0x48,
} as const;

/** Frame types of the netns server (`naru-monitor netns --serve`). */
export const NETNS = { request: 0x60, answer: 0x61 } as const;

/** One frame as it came: the payload is a view into the bytes that were received. */
interface Frame {
  type: number;
  payload: Uint8Array;
}

/** A moment of the wall clock with nanoseconds, as RFC 3339 text the way Go prints it (zeros at the end cut off). */
type Rfc3339Nano = string;

export interface MonitorHello {
  protocol: number;
  monitorPid: number;
  /** How many unacknowledged bytes of stdin this connection may have under way. */
  stdinWindowBytes: number;
  hasTerminal: boolean;
  hasStdin: boolean;
  /** `/proc/<monitorPid>/fd/<rootDescriptor>` is the container's root file system without its volumes. */
  rootDescriptor: number | undefined;
}

export interface ProcessStarted {
  pid: number;
  at: Rfc3339Nano;
}

/** The runtime could not start the process. */
export interface RuntimeFailed {
  /** The runtime's exit code; -1 when it was never run (the root file system could not be mounted, no such program). */
  runtimeExitCode: number;
  message: string;
}

export interface ProcessExited {
  /** Exit code as Docker tells it: 128 + signal for a killed process. */
  code: number;
  /** The signal that killed it, 0 when it exited by itself. */
  signal: number;
  at: Rfc3339Nano;
}

/** Where the log stood when a subscription began: the output before it is in the log, the rest comes as frames. */
export interface LogPosition {
  logBytes: number;
  rotations: number;
}

export type MonitorMessage =
  | { kind: "output"; stream: "stdout" | "stderr"; bytes: Uint8Array }
  | ({ kind: "hello" } & MonitorHello)
  | ({ kind: "started" } & ProcessStarted)
  | ({ kind: "failed" } & RuntimeFailed)
  | ({ kind: "exited" } & ProcessExited)
  | { kind: "stdin-ack"; bytes: number }
  | { kind: "stdin-closed" }
  | ({ kind: "subscribed" } & LogPosition)
  | { kind: "flushed"; token: number; droppedLines: number }
  | { kind: "held"; count: number }
  | { kind: "unknown"; type: number };

/** One frame as bytes. @throws {NaruError} kind "internal" when the payload is longer than a frame may be. */
export function encodeFrame(type: number, payload: Uint8Array = new Uint8Array()): Uint8Array<ArrayBuffer> {
  if (payload.length > MAX_FRAME_PAYLOAD_BYTES) {
    throw new NaruError("internal", `a frame of ${payload.length} bytes is longer than ${MAX_FRAME_PAYLOAD_BYTES}`);
  }
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  frame[0] = type;
  new DataView(frame.buffer).setUint32(4, payload.length);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** The payload of a resize frame. Sizes are clamped to what a terminal can have (0 to 65535). */
export function encodeResize(rows: number, columns: number): Uint8Array<ArrayBuffer> {
  const payload = new DataView(new ArrayBuffer(4));
  payload.setUint16(0, clampU16(rows));
  payload.setUint16(2, clampU16(columns));
  return encodeFrame(TO_MONITOR.resize, new Uint8Array(payload.buffer));
}

/** A request that the monitor answers with `flushed` and the same token. */
export function encodeFlush(token: number): Uint8Array<ArrayBuffer> {
  return encodeNumber(TO_MONITOR.flush, token);
}

/** Tells the monitor that so many more bytes of output frames, headers included, were passed on. */
export function encodeOutputAck(bytes: number): Uint8Array<ArrayBuffer> {
  return encodeNumber(TO_MONITOR.outputAck, bytes);
}

/** A request to the netns server: see the table of arguments in PROTOCOL.md. */
export function encodeNetnsRequest(id: number, args: readonly string[]): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(args.map((arg) => `${arg}\0`).join(""));
  const payload = new Uint8Array(4 + text.length);
  new DataView(payload.buffer).setUint32(0, id);
  payload.set(text, 4);
  return encodeFrame(NETNS.request, payload);
}

export interface NetnsAnswer {
  id: number;
  /** 0 when done, else what the kernel said. */
  errno: number;
  udpPort: number;
  tcpPort: number;
  message: string;
}

/** @throws {NaruError} kind "internal" when the frame is too short. */
export function decodeNetnsAnswer(payload: Uint8Array): NetnsAnswer {
  const view = fields(payload, 12, "answer");
  return {
    id: view.getUint32(0),
    errno: view.getUint32(4),
    udpPort: view.getUint16(8),
    tcpPort: view.getUint16(10),
    message: new TextDecoder().decode(payload.subarray(12)),
  };
}

/** What a frame of the monitor's says. Types of a newer monitor come out as "unknown". @throws on a short payload. */
export function decodeMonitorFrame({ type, payload }: Frame): MonitorMessage {
  switch (type) {
    case FROM_MONITOR.stdout:
      return { kind: "output", stream: "stdout", bytes: payload };
    case FROM_MONITOR.stderr:
      return { kind: "output", stream: "stderr", bytes: payload };
    case FROM_MONITOR.hello:
      return decodeHello(payload);
    case FROM_MONITOR.started: {
      const view = fields(payload, 16, "started");
      return { kind: "started", pid: view.getUint32(0), at: timeAt(view, 4) };
    }
    case FROM_MONITOR.failed: {
      const view = fields(payload, 4, "failed");
      const message = new TextDecoder().decode(payload.subarray(4));
      return { kind: "failed", runtimeExitCode: view.getInt32(0), message };
    }
    case FROM_MONITOR.exited: {
      const view = fields(payload, 20, "exited");
      return { kind: "exited", code: view.getUint32(0), signal: view.getUint32(4), at: timeAt(view, 8) };
    }
    case FROM_MONITOR.stdinAck:
      return { kind: "stdin-ack", bytes: fields(payload, 4, "stdin-ack").getUint32(0) };
    case FROM_MONITOR.stdinClosed:
      return { kind: "stdin-closed" };
    case FROM_MONITOR.subscribed: {
      const view = fields(payload, 12, "subscribed");
      return { kind: "subscribed", logBytes: Number(view.getBigUint64(0)), rotations: view.getUint32(8) };
    }
    case FROM_MONITOR.flushed: {
      const view = fields(payload, 12, "flushed");
      return { kind: "flushed", token: view.getUint32(0), droppedLines: Number(view.getBigUint64(4)) };
    }
    case FROM_MONITOR.held:
      return { kind: "held", count: fields(payload, 4, "held").getUint32(0) };
    default:
      return { kind: "unknown", type };
  }
}

/** Cuts a byte stream into frames, however the bytes were split on their way. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array();

  /**
   * The frames that are complete with `chunk`. Payloads are views into `chunk` where possible: use them before the
   * chunk's memory is reused.
   * @throws {NaruError} kind "internal" when a length is impossible: the stream is not one of frames.
   */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let bytes = this.#rest.length === 0 ? chunk : concat(this.#rest, chunk);
    while (bytes.length >= FRAME_HEADER_BYTES) {
      const length = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEADER_BYTES).getUint32(4);
      if (length > MAX_FRAME_PAYLOAD_BYTES) {
        throw new NaruError("internal", `the monitor sent a frame of ${length} bytes; it speaks another protocol`);
      }
      const end = FRAME_HEADER_BYTES + length;
      if (bytes.length < end) break;
      frames.push({ type: bytes[0] ?? 0, payload: bytes.subarray(FRAME_HEADER_BYTES, end) });
      bytes = bytes.subarray(end);
    }
    // A copy: the chunk's memory belongs to the caller.
    this.#rest = bytes.slice();
    return frames;
  }
}

/** Seconds and nanoseconds as RFC 3339 text in UTC, as Go's RFC3339Nano. */
export function rfc3339Nano(seconds: number, nanoseconds: number): Rfc3339Nano {
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  const fraction = String(nanoseconds).padStart(9, "0").replace(/0+$/, "");
  return fraction === "" ? `${whole}Z` : `${whole}.${fraction}Z`;
}

/** What the monitor left in `<dir>/exit`. */
export type ExitRecord = ({ kind: "exited" } & ProcessExited) | ({ kind: "failed" } & RuntimeFailed);

/** @throws {NaruError} kind "internal" when the text is not such a record. */
export function parseExitRecord(text: string): ExitRecord {
  let record: { code?: unknown; signal?: unknown; time?: unknown; failed?: unknown };
  try {
    record = JSON.parse(text);
  } catch (cause) {
    throw new NaruError("internal", "the exit record of a monitor is damaged", { cause });
  }
  if (typeof record.failed === "string") {
    return { kind: "failed", runtimeExitCode: Number(record.code ?? -1), message: record.failed };
  }
  if (typeof record.code !== "number" || typeof record.time !== "string") {
    throw new NaruError("internal", "the exit record of a monitor lacks its code or time");
  }
  return { kind: "exited", code: record.code, signal: Number(record.signal ?? 0), at: record.time };
}

function encodeNumber(type: number, value: number): Uint8Array<ArrayBuffer> {
  const payload = new DataView(new ArrayBuffer(4));
  payload.setUint32(0, value);
  return encodeFrame(type, new Uint8Array(payload.buffer));
}

function decodeHello(payload: Uint8Array): MonitorMessage {
  const view = fields(payload, 20, "hello");
  const flags = view.getUint32(12);
  const rootDescriptor = view.getUint32(16);
  return {
    kind: "hello",
    protocol: view.getUint32(0),
    monitorPid: view.getUint32(4),
    stdinWindowBytes: view.getUint32(8),
    hasTerminal: (flags & 1) !== 0,
    hasStdin: (flags & 2) !== 0,
    rootDescriptor: rootDescriptor === 0 ? undefined : rootDescriptor,
  };
}

function fields(payload: Uint8Array, least: number, name: string): DataView {
  if (payload.length < least) {
    throw new NaruError("internal", `a "${name}" frame of ${payload.length} bytes is too short (${least})`);
  }
  return new DataView(payload.buffer, payload.byteOffset, payload.length);
}

function timeAt(view: DataView, offset: number): Rfc3339Nano {
  return rfc3339Nano(Number(view.getBigUint64(offset)), view.getUint32(offset + 8));
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function clampU16(value: number): number {
  return Math.max(0, Math.min(0xffff, Math.trunc(value) || 0));
}
