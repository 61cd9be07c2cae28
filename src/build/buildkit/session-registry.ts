/** The clients' sessions: connections on which naru calls the client back, by the id that builds name. */
import type { IncomingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import { NaruError } from "../../lib/errors.ts";
import { GrpcClient } from "../grpc/grpc-client.ts";
import { Arrivals } from "./arrivals.ts";

/** A build may name its session before that has arrived. */
const ARRIVAL_MS = 5000;

export interface BuildSession {
  readonly id: string;
  /** Equal for builds of the same directory: what was sent for one need not be sent again. */
  readonly sharedKey: string;
  readonly grpc: GrpcClient;
  /** Whether the client serves "/package.Service/Method". */
  serves(path: string): boolean;
}

export class SessionRegistry {
  private readonly sessions = new Arrivals<BuildSession>(ARRIVAL_MS);

  /** Takes a connection that was upgraded to HTTP/2, on which the client is the server. Resolves when it has ended. */
  async accept(connection: Duplex, headers: IncomingHttpHeaders): Promise<void> {
    const id = single(headers["x-docker-expose-session-uuid"]);
    if (id === "") throw new NaruError("invalid", "the session has no id (X-Docker-Expose-Session-Uuid)");
    const methods = new Set(listOf(headers["x-docker-expose-session-grpc-method"]).map((path) => path.toLowerCase()));
    const session: BuildSession = {
      id,
      sharedKey: single(headers["x-docker-expose-session-sharedkey"]),
      grpc: new GrpcClient(connection),
      serves: (path) => methods.has(path.toLowerCase()),
    };
    this.sessions.add(id, session);
    try {
      await session.grpc.closed;
    } finally {
      if (this.sessions.get(id) === session) this.sessions.delete(id);
      session.grpc.close();
    }
  }

  /** @throws {NaruError} unavailable when it does not arrive soon */
  find(id: string, signal: AbortSignal): Promise<BuildSession> {
    return this.sessions.wait(id, signal, () => new NaruError("unavailable", `no active session for ${id}`));
  }

  /** Cuts all sessions. */
  close(): void {
    for (const [, { grpc }] of this.sessions.entries()) grpc.close();
  }
}

function single(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? "";
}

/** Node joins repeated headers with commas. */
function listOf(value: string | string[] | undefined): string[] {
  return (Array.isArray(value) ? value : (value ?? "").split(",")).map((item) => item.trim()).filter(Boolean);
}
