/** A real server on a unix socket in front of a fake engine, and raw connections to it. */
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ImageMaker } from "../../../src/api/image-sources.ts";
import { ApiServer } from "../../../src/api/server.ts";
import type { Engine } from "../../../src/engine/contract.ts";

export interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}
export interface RequestOptions {
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** A server with an engine and without the parts that most tests do not ask for. */
export function testServer(
  engine: Engine,
  { maker = {}, onFault = () => {} }: { maker?: Partial<ImageMaker>; onFault?(error: unknown): void } = {},
): ApiServer {
  return new ApiServer({
    engine,
    imageMaker: maker as ImageMaker,
    registries: {} as never,
    builder: {} as never,
    classicBuilder: {} as never,
    buildKit: {} as never,
    commandBuilds: {} as never,
    sboms: {} as never,
    automation: {} as never,
    cluster: {} as never,
    traits: { isExperimental: false, prefersBuildKit: true },
    log: { request: () => {}, fault: (_method, _url, error) => onFault(error) },
  });
}

export class TestApi implements AsyncDisposable {
  readonly faults: unknown[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), "naru-api-"));
  readonly socketPath = join(this.#directory, "api.sock");
  readonly #connections = new Set<net.Socket>();
  #listener: net.Server | undefined;

  static async start(engine: Engine, maker: Partial<ImageMaker> = {}): Promise<TestApi> {
    const api = new TestApi();
    const server = testServer(engine, { maker, onFault: (error) => api.faults.push(error) });
    api.#listener = net.createServer({ allowHalfOpen: true }, (socket) => {
      api.#connections.add(socket);
      server.adopt(socket);
    });
    await new Promise<void>((resolve) => api.#listener?.listen(api.socketPath, resolve));
    return api;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    this.#listener?.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  request(method: string, path: string, options: RequestOptions = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const request = http.request(
        { socketPath: this.socketPath, method, path, headers: options.headers },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk) => chunks.push(chunk));
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString("latin1"),
            }),
          );
          response.on("error", reject);
        },
      );
      request.on("error", reject);
      request.end(options.body);
    });
  }

  json(method: string, path: string, value: unknown): Promise<Reply> {
    return this.request(method, path, { headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
  }

  connect(): RawConnection {
    return new RawConnection(net.connect({ path: this.socketPath, allowHalfOpen: true }));
  }
}

/** Bytes in, bytes out. */
export class RawConnection {
  received = "";
  ended = false;
  #wake: (() => void) | undefined;

  constructor(readonly socket: net.Socket) {
    socket.on("data", (chunk) => {
      this.received += chunk.toString("latin1");
      this.#wake?.();
    });
    const end = () => {
      this.ended = true;
      this.#wake?.();
    };
    socket.on("end", end);
    socket.on("close", end);
    socket.on("error", end);
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }
  halfClose(): void {
    this.socket.end();
  }
  /** @throws when the condition does not hold within two seconds. */
  async until(condition: () => boolean): Promise<void> {
    const deadline = Date.now() + 2000;
    while (!condition()) {
      if (Date.now() > deadline) throw new Error(`gave up waiting; received: ${JSON.stringify(this.received)}`);
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), Bun.sleep(20)]);
    }
  }
  untilReceived(text: string): Promise<void> {
    return this.until(() => this.received.includes(text));
  }
  untilEnded(): Promise<void> {
    return this.until(() => this.ended);
  }
}
