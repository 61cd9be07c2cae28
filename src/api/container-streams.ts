/** Tag "Container", streams: attach, logs, stats, wait. */
import { STATUS_CODES } from "node:http";
import type { AttachOptions, ContainerService, WaitCondition } from "../engine/contract.ts";
import { errorText } from "../lib/errors.ts";
import { GatheringWriter } from "../lib/stream-writing.ts";
import { containerRef } from "./containers.ts";
import { badRequest, statusOf } from "./errors.ts";
import { lineFrames, streamContentType } from "./frames.ts";
import { encodeGoJson } from "./go-json.ts";
import { answerFailedHijack, openStream } from "./hijack.ts";
import type { Query } from "./query.ts";
import type { Call, Handlers } from "./router.ts";
import { parseUnixTime } from "./timestamps.ts";
import { acceptWebSocket } from "./websocket.ts";

/** What these routes need of the engine. */
type StreamsBackend = Pick<ContainerService, "attach" | "logs" | "stats" | "wait">;

const WAIT_CONDITIONS: readonly WaitCondition[] = ["not-running", "next-exit", "removed"];

export function containerStreamHandlers(containers: StreamsBackend): Handlers {
  return {
    ContainerAttach: (call) => attach(containers, call),
    ContainerAttachWebsocket: (call) => attachWebSocket(containers, call),
    ContainerLogs: (call) => logs(containers, call),
    ContainerStats: (call) => stats(containers, call),
    ContainerWait: (call) => wait(containers, call),
  };
}

function attachOptions(query: Query): AttachOptions {
  const detachKeys = query.text("detachKeys");
  return {
    stdin: query.bool("stdin"),
    stdout: query.bool("stdout"),
    stderr: query.bool("stderr"),
    logs: query.bool("logs"),
    stream: query.bool("stream"),
    detachKeys: detachKeys === "" ? undefined : detachKeys,
  };
}

async function attach(containers: StreamsBackend, call: Call): Promise<void> {
  const options = attachOptions(call.query);
  try {
    const session = await containers.attach(containerRef(call), options);
    try {
      const stream = await openStream(call.exchange, { version: call.version, tty: session.tty, stdin: options.stdin });
      await stream.join(session);
    } finally {
      // One that nobody reads would stop the container's output.
      session.close();
    }
  } catch (error) {
    if (call.exchange.started) throw error;
    answerFailedHijack(call.exchange, error, STATUS_CODES[statusOf(error)] ?? "");
  }
}

/** Messages carry raw output (both streams as one) and input; binary messages since API version 1.28, text before. */
async function attachWebSocket(containers: StreamsBackend, call: Call): Promise<void> {
  if (call.exchange.upgradeProtocol !== "websocket") {
    throw badRequest("attach over a WebSocket needs a WebSocket handshake (Upgrade: websocket)");
  }
  const options = attachOptions(call.query);
  const session = await containers.attach(containerRef(call), options);
  try {
    const peer = acceptWebSocket(call.exchange, {
      binary: call.version >= 28,
      onData: (data) => (options.stdin ? session.write(data) : Promise.resolve()),
      // There is no half of a WebSocket: who sends no more reads no more.
      onEnd: () => {
        session.closeInput();
        session.close();
      },
    });
    try {
      for await (const chunk of session.output) await peer.send(chunk.data);
    } finally {
      peer.close();
    }
  } finally {
    session.close();
  }
}

async function logs(containers: StreamsBackend, call: Call): Promise<void> {
  const { exchange, query, signal, version } = call;
  const [stdout, stderr] = [query.bool("stdout"), query.bool("stderr")];
  if (!stdout && !stderr) throw badRequest("Bad parameters: you must choose at least one stream");
  const until = query.text("until");
  const { tty, chunks } = await containers.logs(
    containerRef(call),
    {
      follow: query.bool("follow"),
      stdout,
      stderr,
      sinceNs: parseUnixTime(query.text("since")),
      untilNs: until === "0" ? undefined : parseUnixTime(until),
      timestamps: query.bool("timestamps"),
      tail: parseTail(query.text("tail")),
      details: query.bool("details"),
    },
    signal,
  );
  exchange.start(200, { "Content-Type": streamContentType(!tty, version) });
  const writer = new GatheringWriter((chunk) => exchange.write(chunk));
  for await (const chunk of chunks) {
    const taken = writer.write(tty ? chunk.data : lineFrames(chunk));
    if (taken !== undefined) await taken;
  }
  await writer.flush();
  await exchange.end();
}

/** Anything but a number that is not negative means all lines. */
function parseTail(text: string): number | undefined {
  return /^\+?[0-9]+$/.test(text) ? Number(text) : undefined;
}

async function stats(containers: StreamsBackend, call: Call): Promise<void> {
  const { exchange, query, signal, version } = call;
  const stream = query.bool("stream", true);
  const oneShot = version >= 41 && query.bool("one-shot");
  if (stream && oneShot) throw badRequest("cannot have stream=true and one-shot=true");
  const samples = await containers.stats(containerRef(call), { stream, oneShot }, signal);
  if (stream) exchange.start(200, { "Content-Type": "application/json" });
  for await (const sample of samples) {
    if (!stream) return exchange.json(200, sample);
    await exchange.write(encodeGoJson(sample));
  }
  await exchange.end();
}

/** Since API version 1.30 the headers tell the client that it is waiting; before it there was only the answer. */
async function wait(containers: StreamsBackend, call: Call): Promise<void> {
  const { exchange, query, signal, version } = call;
  const legacy = version < 30;
  const asked = legacy ? "" : query.text("condition");
  const condition = asked === "" ? "not-running" : WAIT_CONDITIONS.find((known) => known === asked);
  if (condition === undefined) throw badRequest(`invalid condition: ${JSON.stringify(asked)}`);
  const { result } = containers.wait(containerRef(call), condition, signal);
  if (legacy) {
    const { StatusCode } = await result;
    return exchange.json(200, { StatusCode });
  }
  exchange.start(200, { "Content-Type": "application/json" });
  // The status line has left: a failure can only be told inside the answer.
  const outcome = await result.catch((error: unknown) => ({ StatusCode: -1, Error: { Message: errorText(error) } }));
  if (signal.aborted) return;
  await exchange.write(encodeGoJson(outcome));
  await exchange.end();
}
