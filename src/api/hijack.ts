/** Attach streams over the connection that carried the request. */
import type { Duplex, Readable } from "node:stream";
import type { AttachSession } from "../engine/contract.ts";
import { errorText } from "../lib/errors.ts";
import { statusOf } from "./errors.ts";
import { closeGently, type Exchange } from "./exchange.ts";
import { streamContentType, wireChunks } from "./frames.ts";
import { GatheringWriter, writeAll } from "./stream-writing.ts";

interface HijackOptions {
  version: number;
  /** The client may send input. */
  stdin: boolean;
}

/**
 * Joins a session with the client: an upgraded connection is used raw in both directions; a client that asked for no
 * upgrade gets the output as the body of a plain answer and may send input as the body of its request.
 * Resolves when the output has ended or the client is gone; the session is closed then.
 */
export async function serveSession(exchange: Exchange, session: AttachSession, options: HijackOptions): Promise<void> {
  const framed = !session.tty;
  const contentType = streamContentType(framed, options.version);
  try {
    if (exchange.upgradeProtocol === undefined) {
      await servePlain(exchange, session, framed, contentType, options);
    } else {
      await serveRaw(exchange, session, framed, contentType, options);
    }
  } finally {
    session.close();
  }
}

async function serveRaw(
  exchange: Exchange,
  session: AttachSession,
  framed: boolean,
  contentType: string,
  options: HijackOptions,
): Promise<void> {
  // Some clients send their parameters once more as a body; the raw bytes start behind it.
  for await (const _chunk of exchange.body);
  const connection = exchange.takeConnection();
  connection.write(
    `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${contentType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
  );
  if (options.stdin) pumpInput(connection, session);
  else connection.resume();
  try {
    await pumpOutput(session, framed, (chunk) => writeAll(connection, chunk, exchange.signal));
  } finally {
    closeGently(connection);
  }
}

async function servePlain(
  exchange: Exchange,
  session: AttachSession,
  framed: boolean,
  contentType: string,
  options: HijackOptions,
): Promise<void> {
  exchange.start(200, { "Content-Type": contentType });
  const sendsInput = exchange.request.headers["transfer-encoding"] !== undefined;
  if (options.stdin && sendsInput) pumpInput(exchange.request, session);
  else exchange.request.resume();
  exchange.signal.addEventListener("abort", () => session.close(), { once: true });
  await pumpOutput(session, framed, (chunk) => exchange.write(chunk));
  await exchange.end();
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
  source.once("end", () => session.closeInput());
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
    const headers = { "Content-Type": "application/vnd.docker.raw-stream" };
    exchange.text(statusOf(error), `${errorText(error)}\r\n`, headers);
    return;
  }
  const connection: Duplex = exchange.takeConnection();
  connection.write(
    `HTTP/1.1 ${statusOf(error)} ${statusText}\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n` +
      `${errorText(error)}\r\n`,
  );
  closeGently(connection);
}
