/** portforward: connections to ports inside a pod, by SPDY, by SPDY inside a WebSocket, or by a WebSocket's channels. */

import { errorText } from "../../lib/errors.ts";
import type { Pod } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { NodeConnection, PodConnection } from "../node/contract.ts";
import { StatusError } from "../status.ts";
import type { ApiExchange } from "./api-exchange.ts";
import { forwardChannels } from "./port-channels.ts";
import { SpdySession, type SpdyStream } from "./spdy/spdy-session.ts";
import { acceptSpdy } from "./spdy/spdy-upgrade.ts";
import { acceptWebSocket } from "./websocket-connection.ts";

const STREAMS = "portforward.k8s.io";
const TUNNEL = `SPDY/3.1+${STREAMS}`;
const CHANNELS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

/** Opens a connection to a port of the pod. */
export type OpenPort = (port: number) => Promise<PodConnection>;

/** @throws StatusError BadRequest when the request asks for no upgrade that we speak */
export async function servePortForward(exchange: ApiExchange, pod: Stored<Pod>, node: NodeConnection): Promise<void> {
  if (pod.status?.phase !== "Running") {
    throw new StatusError(
      "BadRequest",
      `unable to forward port because pod is not running. Current status=${pod.status?.phase ?? "Unknown"}`,
    );
  }
  const forwarder = new StreamForwarder(pod.metadata.name, (port) => node.connect(pod, port));
  const onStream = (stream: SpdyStream) => forwarder.take(stream);
  if (exchange.upgradeProtocol === "spdy/3.1") {
    acceptSpdy(exchange, [STREAMS], { onStream, onClose: () => forwarder.close() });
  } else if (exchange.upgradeProtocol === "websocket") {
    const { connection, read } = acceptWebSocket(exchange, [TUNNEL, ...CHANNELS]);
    if (connection.protocol !== TUNNEL) {
      return await forwardChannels(exchange, connection, read, (port) => node.connect(pod, port));
    }
    const session = new SpdySession({ write: (data) => connection.send(data) }, onStream);
    read({
      onMessage: (data) => session.push(data),
      onClose() {
        session.close();
        forwarder.close();
        connection.close();
      },
    });
  } else throw new StatusError("BadRequest", "Upgrade request required");
}

/** Two streams with the same requestid make one connection: "error", and "data". */
class StreamForwarder {
  readonly #errors = new Map<string, SpdyStream>();
  readonly #open = new Set<PodConnection>();
  #isClosed = false;

  constructor(
    private readonly podName: string,
    private readonly connect: OpenPort,
  ) {}

  take(stream: SpdyStream): void {
    const request = stream.headers.get("requestid") ?? "";
    if (stream.headers.get("streamtype") === "error") {
      this.#errors.set(request, stream);
      return;
    }
    const connected = Promise.withResolvers<PodConnection | undefined>();
    stream.onData = async (data) => await (await connected.promise)?.write(data).catch(() => {});
    stream.onEnd = () => void connected.promise.then((connection) => connection?.end());
    void this.#forward(stream, request, connected.resolve);
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#open) connection.close();
    this.#open.clear();
    this.#errors.clear();
  }

  async #forward(
    stream: SpdyStream,
    request: string,
    settle: (connection: PodConnection | undefined) => void,
  ): Promise<void> {
    const port = Number(stream.headers.get("port"));
    let connection: PodConnection | undefined;
    try {
      connection = await this.connect(port);
      if (this.#isClosed) return connection.close();
      this.#open.add(connection);
      settle(connection);
      for await (const data of connection.data) await stream.write(data);
    } catch (error) {
      settle(undefined);
      await this.#tell(request, `error forwarding port ${port} to pod ${this.podName}: ${errorText(error)}`);
    } finally {
      settle(undefined);
      if (connection !== undefined) this.#open.delete(connection);
      connection?.close();
      await Promise.allSettled([stream.end(), this.#errors.get(request)?.end()]);
      this.#errors.delete(request);
    }
  }

  async #tell(request: string, message: string): Promise<void> {
    await this.#errors
      .get(request)
      ?.write(new TextEncoder().encode(message))
      .catch(() => {});
  }
}
