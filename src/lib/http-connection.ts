import type { Socket } from "bun";

/** Where an HTTP server listens. `tls` holds PEM texts. */
export type HttpTarget = { kind: "unix"; path: string } | { kind: "tcp"; host: string; port: number; tls?: TlsOptions };

export interface TlsOptions {
  ca?: string;
  cert?: string;
  key?: string;
  /** False accepts any certificate of the server. */
  verify: boolean;
  /** The name that the certificate must have, where it is not the host's. */
  serverName?: string;
}

/** Above this many unread bytes the socket is paused until the reader has caught up. */
const UNREAD_LIMIT_BYTES = 1024 * 1024;

/** One stream connection with reads on demand and writes that wait for the other side. */
export class HttpConnection {
  private socket: Socket<undefined> | undefined;
  private readonly unread: Uint8Array[] = [];
  private unreadBytes = 0;
  private isPaused = false;
  private isEnded = false;
  private failure: Error | undefined;
  private wakeReader: (() => void) | undefined;
  private wakeWriter: (() => void) | undefined;

  /** Connects. Rejects with the system's error (`code` ENOENT, ECONNREFUSED, …) or the certificate's. */
  static async open(target: HttpTarget): Promise<HttpConnection> {
    const connection = new HttpConnection();
    const secured = Promise.withResolvers<void>();
    secured.promise.catch(() => {}); // only TLS connections wait for it
    const wantsTls = target.kind === "tcp" && target.tls !== undefined;
    const socket = {
      data: (_: unknown, bytes: Uint8Array) => connection.receive(bytes),
      drain: () => connection.wakeWriter?.(),
      end: () => connection.finish(),
      close: (_: unknown, error?: Error) => {
        secured.reject(error ?? new Error("connection closed"));
        connection.finish(error);
      },
      error: (_: unknown, error: Error) => connection.finish(error),
      ...(wantsTls && {
        handshake: (_: unknown, success: boolean, problem: Error | null) => {
          if (success || (target.tls?.verify === false && problem === null)) secured.resolve();
          else secured.reject(problem ?? new Error("TLS handshake failed"));
        },
      }),
    };
    if (target.kind === "unix") {
      connection.socket = await Bun.connect({ unix: target.path, socket, allowHalfOpen: true });
      return connection;
    }
    const { host, port, tls } = target;
    const options = tls && {
      ca: tls.ca,
      cert: tls.cert,
      key: tls.key,
      rejectUnauthorized: tls.verify,
      serverName: tls.serverName ?? host,
    };
    connection.socket = await Bun.connect({ hostname: host, port, tls: options, socket, allowHalfOpen: true });
    if (wantsTls) await secured.promise;
    return connection;
  }

  private constructor() {}

  /** True while nothing has been received that was not asked for and the other side has not hung up. */
  get isReusable(): boolean {
    return !this.isEnded && this.unreadBytes === 0;
  }

  /** The next bytes; undefined at the end. Rejects when the connection broke. One reader at a time. */
  async read(): Promise<Uint8Array | undefined> {
    while (this.unread.length === 0) {
      if (this.failure) throw this.failure;
      if (this.isEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.wakeReader = resolve;
      });
      this.wakeReader = undefined;
    }
    const bytes = this.unread.shift()!;
    this.unreadBytes -= bytes.length;
    if (this.isPaused && this.unreadBytes === 0) {
      this.isPaused = false;
      this.socket?.resume();
    }
    return bytes;
  }

  /** Gives bytes back that were read too far. */
  unreadFirst(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.unread.unshift(bytes);
    this.unreadBytes += bytes.length;
  }

  /** Sends all of `data`; resolves when the kernel has taken it. One writer at a time. */
  async write(data: Uint8Array | string): Promise<void> {
    let rest: Uint8Array = typeof data === "string" ? new TextEncoder().encode(data) : data;
    while (rest.length > 0) {
      if (this.failure) throw this.failure;
      if (!this.socket || this.socket.readyState <= 0) throw new Error("connection closed");
      const sent = this.socket.write(rest);
      if (sent < 0) throw new Error("connection closed");
      rest = rest.subarray(sent);
      if (rest.length === 0) return;
      await new Promise<void>((resolve) => {
        this.wakeWriter = resolve;
      });
      this.wakeWriter = undefined;
    }
  }

  /** Tells the other side that no more bytes follow; reading goes on. */
  closeWrite(): void {
    this.socket?.flush();
    this.socket?.shutdown();
  }

  /** Ends the connection at once; a waiting read sees the end. */
  close(): void {
    this.isEnded = true;
    this.socket?.terminate();
    this.wakeReader?.();
    this.wakeWriter?.();
  }

  private receive(bytes: Uint8Array): void {
    // Bun reuses nothing of `bytes` after this call, so it may be kept without a copy.
    this.unread.push(bytes);
    this.unreadBytes += bytes.length;
    if (!this.isPaused && this.unreadBytes > UNREAD_LIMIT_BYTES) {
      this.isPaused = true;
      this.socket?.pause();
    }
    this.wakeReader?.();
  }

  private finish(error?: Error): void {
    this.isEnded = true;
    this.failure ??= error;
    this.wakeReader?.();
    this.wakeWriter?.();
  }
}
