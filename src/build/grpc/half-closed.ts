/** What HTTP/2 does with a connection whose other side sends no more. */
import type { Duplex } from "node:stream";

/**
 * Closes a connection when the other side has ended its direction: HTTP/2 has no use for half of one. Bun's sessions on
 * connections that were opened elsewhere hear of "close" alone (oven-sh/bun#42211), and one that came by an upgrade stays
 * half open: the calls on it would go on for a client that is gone.
 */
export function closeAtEnd(connection: Duplex): void {
  connection.once("end", () => connection.destroy());
}
