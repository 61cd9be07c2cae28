/** Attach streams over the connection that carried the request. */
import type { Duplex, Readable } from "node:stream";
import type { AttachSession } from "../engine/contract.ts";
import { errorText } from "../lib/errors.ts";
import { closeGently, GatheringWriter, writeAll } from "../lib/stream-writing.ts";
import { statusOf } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { RAW_STREAM, streamContentType, wireChunks } from "./frames.ts";

interface StreamOptions {
  version: number;
  /** One raw terminal stream instead of frames. */
  tty: boolean;
  /** The client may send input. */
  stdin: boolean;
}

/** A connection whose headers are sent and that waits for a session. */
interface OpenStream {
  /**
   * Joins the session with the client. Resolves when its output has ended or the client is gone; the session is closed
   * then.
   */
  join(session: AttachSession): Promise<void>;
}

/**
 * Answers the headers of a stream: an upgraded connection is used raw in both directions; a client that asked for no
 * upgrade gets the output as the body of a plain answer and may send input as the body of its request when that comes in
 * chunks, else as raw bytes behind it.
 */
export async function openStream(exchange: Exchange, options: StreamOptions): Promise<OpenStream> {
  const { tty, stdin, version } = options;
  const framed = !tty;
  const sendsChunks = exchange.request.headers["transfer-encoding"] !== undefined;
  if (exchange.upgradeProtocol === undefined && (!stdin || sendsChunks)) {
    exchange.start(200, { "Content-Type": RAW_STREAM });
    return { join: (session) => closing(session, joinPlain(exchange, session, framed, stdin)) };
  }
  const connection = await openRaw(exchange, streamContentType(framed, version));
  return { join: (session) => closing(session, joinRaw(exchange, connection, session, framed, stdin)) };
}

/** The raw connection, behind the headers that tell the client of it. */
async function openRaw(exchange: Exchange, contentType: string): Promise<Duplex> {
  if (exchange.upgradeProtocol === undefined) {
    const connection = await exchange.takePlainConnection();
    connection.write(`HTTP/1.1 200 OK\r\nContent-Type: ${RAW_STREAM}\r\n\r\n`);
    return connection;
  }
  // Some clients send their parameters once more as a body; the raw bytes start behind it.
  for await (const _chunk of exchange.body);
  const connection = exchange.takeConnection();
  connection.write(
    `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${contentType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
  );
  return connection;
}

async function closing(session: AttachSession, joined: Promise<void>): Promise<void> {
  try {
    await joined;
  } finally {
    session.close();
  }
}

async function joinRaw(
  exchange: Exchange,
  connection: Duplex,
  session: AttachSession,
  framed: boolean,
  stdin: boolean,
): Promise<void> {
  if (stdin) pumpInput(connection, session);
  connection.resume();
  endWithClient(exchange, session);
  try {
    await pumpOutput(session, framed, (chunk) => writeAll(connection, chunk, exchange.signal));
  } finally {
    closeGently(connection);
  }
}

async function joinPlain(exchange: Exchange, session: AttachSession, framed: boolean, stdin: boolean): Promise<void> {
  if (stdin) pumpInput(exchange.request, session);
  else exchange.request.resume();
  endWithClient(exchange, session);
  await pumpOutput(session, framed, (chunk) => exchange.write(chunk));
  await exchange.end();
}

/** A client whose connection breaks tells no end of its input, but there is one: the process must not wait for more. */
function endWithClient({ signal }: Exchange, session: AttachSession): void {
  const end = () => {
    session.closeInput();
    session.close();
  };
  signal.addEventListener("abort", end, { once: true });
  // The client may have left while the session was opened.
  if (signal.aborted) end();
}

/** Not `for await`: leaving that loop would destroy the connection, and half-close must not. */
function pumpInput(source: Readable, session: AttachSession): void {
  source.on("data", (chunk: Buffer) => {
    source.pause();
    session.write(chunk).then(
      () => source.resume(),
      // The process is gone or closed its input: what still comes is read and dropped, so that the end is noticed.
      () => {
        source.removeAllListeners("data");
        source.resume();
      },
    );
  });
  if (source.readableEnded) session.closeInput();
  else source.once("end", () => session.closeInput());
}

async function pumpOutput(
  session: AttachSession,
  framed: boolean,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const writer = new GatheringWriter(write);
  for await (const chunk of session.output) {
    const taken = writer.write(...wireChunks(chunk, framed));
    if (taken !== undefined) await taken;
  }
  await writer.flush();
}

/**
 * Docker answers a failed attach on the hijacked connection itself, as plain text; clients have read it from there ever
 * since.
 */
export function answerFailedHijack(exchange: Exchange, error: unknown, statusText: string): void {
  if (exchange.upgradeProtocol === undefined) {
    const headers = { "Content-Type": RAW_STREAM };
    exchange.text(statusOf(error), `${errorText(error)}\r\n`, headers);
    return;
  }
  const connection: Duplex = exchange.takeConnection();
  connection.write(
    `HTTP/1.1 ${statusOf(error)} ${statusText}\r\nContent-Type: ${RAW_STREAM}\r\n\r\n` + `${errorText(error)}\r\n`,
  );
  closeGently(connection);
}
