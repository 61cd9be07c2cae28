/** A request that turns into a SPDY/3.1 connection. */
import { closeGently, writeAll } from "../../../lib/stream-writing.ts";
import { StatusError } from "../../status.ts";
import type { ApiExchange } from "../api-exchange.ts";
import { SpdySession, type SpdyStream } from "./spdy-session.ts";

interface SpdyConnection {
  /** Ends the connection when everything is sent. */
  close(): void;
}

/**
 * Accepts the upgrade with the first of the client's stream protocols that is one of `protocols`.
 * @throws StatusError BadRequest when there is none
 */
export function acceptSpdy(
  exchange: ApiExchange,
  protocols: readonly string[],
  events: { onStream(stream: SpdyStream): void; onClose(): void },
): SpdyConnection {
  const offered = (exchange.header("x-stream-protocol-version") ?? "").split(",").map((name) => name.trim());
  const protocol = protocols.find((name) => offered.includes(name));
  if (protocol === undefined) {
    throw new StatusError(
      "BadRequest",
      `unable to upgrade: no stream protocol of ${offered.join(", ")} is served; send X-Stream-Protocol-Version: ${protocols[0]}`,
    );
  }
  const socket = exchange.takeConnection();
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n" +
      `X-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  const session = new SpdySession({ write: (data) => writeAll(socket, data, exchange.signal) }, events.onStream);
  let isClosed = false;
  const close = () => {
    if (isClosed) return;
    isClosed = true;
    session.close();
    events.onClose();
  };
  socket.once("end", close);
  socket.once("close", close);
  socket.on("data", async (chunk: Buffer) => {
    socket.pause();
    try {
      await session.push(chunk);
      socket.resume();
    } catch {
      close();
      socket.destroy();
    }
  });
  return { close: () => closeGently(socket) };
}
