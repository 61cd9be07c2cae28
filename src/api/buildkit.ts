/** Tag "Session": the connections of BuildKit clients, which leave HTTP/1.1 for gRPC. */
import type { BuildKitServer } from "../build/buildkit/buildkit-server.ts";
import { NaruError } from "../lib/errors.ts";
import type { Exchange } from "./exchange.ts";
import type { Handlers } from "./router.ts";

export function buildKitHandlers(server: BuildKitServer): Handlers {
  return {
    Grpc: ({ exchange }) => server.serveBuilds(upgraded(exchange)),
    Session: ({ exchange }) => {
      // Read before the connection is taken: afterwards it belongs to the session.
      const { headers } = exchange.request;
      if (!headers["x-docker-expose-session-uuid"]) throw new NaruError("invalid", "the session has no id");
      return server.serveSession(upgraded(exchange), headers);
    },
  };
}

/** @throws {NaruError} invalid when the client asks for no upgrade to HTTP/2 */
function upgraded(exchange: Exchange) {
  if (exchange.upgradeProtocol !== "h2c") throw new NaruError("invalid", "ask for an upgrade to h2c");
  const connection = exchange.takeConnection();
  connection.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  return connection;
}
