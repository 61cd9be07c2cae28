/** The registry's listener. Bun's HTTP server sends files by sendfile(2) and takes bodies no faster than they are read. */
import { errorText, NaruError } from "../../lib/errors.ts";
import type { RegistryHandler } from "./request-handler.ts";

/** Seconds without a byte in either direction; the most that Bun allows. */
const IDLE_SECONDS = 255;
const SETTLE_POLL_MS = 20;

export interface ListenOptions {
  host: string;
  /** 0: any free one. */
  port: number;
  tls?: Bun.TLSOptions;
  /** Lets a second server take the same port over. */
  reusePort?: boolean;
}

export class RegistryServer {
  private readonly server: Bun.Server<undefined>;
  private underWay = 0;

  private constructor(options: ListenOptions, handler: RegistryHandler) {
    const scheme = options.tls === undefined ? "http" : "https";
    this.server = Bun.serve({
      hostname: options.host,
      port: options.port,
      tls: options.tls,
      reusePort: options.reusePort,
      idleTimeout: IDLE_SECONDS,
      // Layers have no limit of their own; manifests are limited by their route.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: async (request, server) => {
        this.underWay += 1;
        try {
          return await handler(request, { address: server.requestIP(request)?.address ?? "", scheme });
        } finally {
          this.underWay -= 1;
        }
      },
      error: (error) =>
        new Response(JSON.stringify({ errors: [{ code: "UNKNOWN", message: errorText(error) }] }), { status: 500 }),
    });
  }

  /** @throws unavailable naming the address */
  static listen(options: ListenOptions, handler: RegistryHandler): RegistryServer {
    try {
      return new RegistryServer(options, handler);
    } catch (error) {
      throw new NaruError("unavailable", `cannot listen on ${options.host}:${options.port}: ${errorText(error)}`);
    }
  }

  get port(): number {
    return this.server.port ?? 0;
  }

  /** Takes no more connections, lets requests under way end for at most `graceMs`, then cuts what is left. */
  async stop(graceMs: number): Promise<void> {
    const closed = this.server.stop(false);
    const deadline = Date.now() + graceMs;
    while (this.isBusy() && Date.now() < deadline) await Bun.sleep(SETTLE_POLL_MS);
    await this.server.stop(true);
    await closed;
  }

  /** Answers that are being sent count: Bun knows of those. */
  private isBusy(): boolean {
    return this.underWay > 0 || this.server.pendingRequests > 0;
  }
}
